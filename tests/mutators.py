"""Mutations of a module's syntax tree: one small error at a time, where a test should notice it."""

import ast
import copy
from collections import Counter
from dataclasses import dataclass

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
#: arguments whose change alters nothing that a result could show
SILENT_KEYWORDS = {"strict", "encoding", "stacklevel", "optimize", "stack_level"}


@dataclass(frozen=True)
class Mutant:
    """One error: where it stands and what it changes."""

    module: str
    function: str
    line: int
    number: int
    before: str
    after: str

    around: str

    @property
    def name(self):
        """Says which mutant it is without line numbers, so that it can be found again in a later version."""
        return f"{self.module}:{self.function}: {self.before} → {self.after}{self.around}"


def sites(tree):
    """List (function, node, field, index, replacement) of every mutation, in the order of the source."""
    found = []
    _visit(tree, "", found)
    return found


def _visit(node, function, found):
    for field, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        for i, child in enumerate(children):
            if not isinstance(child, ast.AST) or _silent(node, field, child):
                continue
            inner = function
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                inner = f"{function}.{child.name}".lstrip(".")
            at = i if isinstance(value, list) else None
            found.extend((function, child, node, field, at, new) for new in replacements(child, node, field))
            _visit(child, inner, found)


def _silent(parent, field, child):
    """Whether a piece of the tree is no arithmetic: types, texts of errors, documentation, decorators."""
    if field in {"annotation", "returns", "decorator_list", "type_comment"} or isinstance(
        child, (ast.Raise, ast.JoinedStr)
    ):
        return True
    if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
        return True
    if isinstance(child, ast.Call) and ast.unparse(child.func).rpartition(".")[2] in {"warn", "field", "dataclass"}:
        return True
    return isinstance(parent, ast.keyword) and parent.arg in SILENT_KEYWORDS


def replacements(node, parent, field):
    """List what may stand in place of a node."""
    if isinstance(node, ast.Compare):
        return [
            ast.Compare(node.left, [*node.ops[:i], COMPARISONS[type(op)](), *node.ops[i + 1 :]], node.comparators)
            for i, op in enumerate(node.ops)
        ]
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return [ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)]
    if isinstance(node, ast.AugAssign) and type(node.op) in OPERATORS:
        return [ast.AugAssign(node.target, OPERATORS[type(node.op)](), node.value)]
    if isinstance(node, ast.BoolOp):
        return [ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        return [node.operand]
    if isinstance(node, ast.Return) and node.value is not None and ast.unparse(node.value) != "None":
        return [ast.Return(ast.Constant(None))]
    if isinstance(node, ast.Constant) and not (isinstance(parent, ast.UnaryOp) and field == "operand"):
        return _constants(node.value)
    if isinstance(node, (ast.Name, ast.Call)) and field == "test":
        return [ast.UnaryOp(ast.Not(), node)]
    return []


def _constants(value):
    if isinstance(value, bool):
        return [ast.Constant(not value)]
    if isinstance(value, int):
        return [ast.Constant(value + 1), *([ast.Constant(value - 1)] if value > 1 else [])]
    return [ast.Constant(value + 1)] if isinstance(value, (float, complex)) else []


def mutants(module, source):
    """List all `Mutant` of a module, as `mutate` numbers them."""
    found, seen = [], Counter()
    for i, (function, node, parent, _, _, new) in enumerate(sites(ast.parse(source))):
        before, after = ast.unparse(node), _text(new)
        around = f" in {ast.unparse(parent)[:100]}" if len(before) < 12 and isinstance(parent, ast.expr) else ""
        seen[function, before, after, around] += 1
        if seen[function, before, after, around] > 1:
            around += f" #{seen[function, before, after, around]}"
        found.append(Mutant(module, function or "module", node.lineno, i, before, after, around))
    return found


def _text(new):
    return ast.unparse(ast.fix_missing_locations(copy.deepcopy(new)))


def mutate(source, number):
    """Return the syntax tree of a source with one of its mutations."""
    tree = ast.parse(source)
    _, node, parent, field, at, new = sites(tree)[number]
    ast.copy_location(new, node)
    if at is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[at] = new
    return ast.fix_missing_locations(tree)
