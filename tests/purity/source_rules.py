"""What a sans-IO machine may be written with: walks a syntax tree, returns `file:line: rule` per breach."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

MODULES = {
    "__future__", "bisect", "cbor2", "collections", "cryptography", "dataclasses", "enum", "fastcrc", "fractions",
    "functools", "google_crc32c", "hashlib", "hmac", "itertools", "re", "spacepackets", "struct",
    "typing",
}  # fmt: skip
"""Top-level modules that the pipeline may import, besides itself."""

OUTSIDE = {
    "__import__", "breakpoint", "compile", "eval", "exec", "exit", "globals", "input", "open", "print",
    "quit",
}  # fmt: skip
CLOCKS = {
    "generate", "generate_key", "getrandbits", "monotonic", "now", "perf_counter", "time_ns", "today",
    "token_bytes", "urandom", "utcnow", "uuid4",
}  # fmt: skip
MUTATORS = {
    "add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop",
    "popitem", "popleft", "remove", "setdefault", "update",
}  # fmt: skip


def breaches(file: Path, name: str) -> list[str]:
    """Every breach of the rules in a file, as `name:line: what`."""
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    found = [*_imports(tree), *_words(tree), *_caches(tree), *_shared_state(tree)]
    return [f"{name}:{line}: {what}" for line, what in sorted(found)]


Found = Iterator[tuple[int, str]]


def _imports(tree: ast.Module) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = ["relative"] if node.level else [node.module or ""]
        else:
            continue
        for module in modules:
            if module.split(".")[0] not in MODULES and not f"{module}.".startswith("twin.pipeline."):
                yield node.lineno, f"imports {module}, which is not on the pipeline's list"


def _words(tree: ast.Module) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in OUTSIDE:
            yield node.lineno, f"{node.id} reaches outside"
        elif _calls(node, "hash", "id"):
            yield node.lineno, "hash() or id(), which differ between processes"
        elif any(_is_set(part) for part in _walked(node)):
            yield node.lineno, "goes through a set, whose order differs between processes: sort it"
        elif isinstance(node, ast.Attribute) and node.attr in CLOCKS:
            yield node.lineno, f".{node.attr} reads a clock or entropy"
        elif isinstance(node, ast.Global):
            yield node.lineno, "a global statement"
        elif isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await):
            yield node.lineno, "async code"
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, f"the float {node.value}: quantities are integers here"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield node.lineno, "true division makes a float: use //"


def _walked(node: ast.AST) -> list[ast.expr]:
    """What a node goes through in order: the iterable of a loop, what becomes a tuple or a list."""
    if isinstance(node, ast.For):
        return [node.iter]
    if isinstance(node, ast.ListComp | ast.DictComp | ast.GeneratorExp):
        return [generator.iter for generator in node.generators]
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        return node.args if name in ("tuple", "list", "enumerate", "join", "iter", "deque") else []
    return []


def _is_set(node: ast.expr) -> bool:
    return _calls(node, "set", "frozenset") or isinstance(node, ast.Set | ast.SetComp)


def _calls(node: ast.AST, *names: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _caches(tree: ast.Module) -> Found:
    """A cache may only be a bounded one over a plain function of values."""
    plain = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            text = ast.unparse(decorator)
            if "cache" not in text:
                continue
            if id(node) not in plain:
                yield node.lineno, f"{text} on a method keeps machines alive and shares their state"
            elif "lru_cache(maxsize=" not in text or "None" in text:
                yield node.lineno, f"{text} is not bounded: use lru_cache(maxsize=N)"


def _shared_state(tree: ast.Module) -> Found:
    """Names of the module and attributes of classes that a function changes when called."""
    shared = {name for node in tree.body for name in _bound(node)}
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.Lambda):
            continue
        own = {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
        own |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        for node in ast.walk(function):
            target = _changed(node)
            root = None if target is None else _root(target)
            if root == "cls" or (root in shared and root not in own):
                yield node.lineno, f"changes {root}, which every machine shares"
        for default in [*function.args.defaults, *filter(None, function.args.kw_defaults)]:
            if isinstance(default, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
                yield default.lineno, "a default argument that can change"


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
    else:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id


def _changed(node: ast.AST) -> ast.expr | None:
    """What a node changes in place: `x[...] =`, `x.y =`, `del x[...]`, `x.append(...)`, `next(x)`."""
    if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
        return node.value
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            return node.func.value
        if isinstance(node.func, ast.Name) and node.func.id == "next" and node.args:
            return node.args[0]
    return None


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
