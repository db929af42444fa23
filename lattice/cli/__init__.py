"""The commands: parse, call one public function, save, print."""
