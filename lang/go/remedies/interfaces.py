"""Types that don't implement an interface: every method that lacks, not only the first."""

from __future__ import annotations

from lang.go.remedies.declarations import Declaration, Package
from lang.go.remedies.nearness import likeness, listing
from lang.go.remedies.question import Question

_DEPTH = 3


async def missing_methods(question: Question, type_text: str, interface: str) -> str:
    """Return the methods that a type lacks to be an interface, with signatures, and near ones that it has."""
    package, name = await question.type_of(interface)
    wanted = await methods(question, package, name)
    having_package, having_name = await question.type_of(type_text)
    having = [one for one in having_package.members(having_name) if one.kind == "method"]
    names = {one.name for one in having}
    lacking = [one for one in wanted if one.name not in names]
    told = listing(f"{type_text} lacks of {interface}:", lacking)
    for one in lacking:
        near = next((other for other in having if likeness(one.name, other.name) > 0.8), None)
        if near is not None:
            told += f"\n  it has {near.signature}"
    return told


async def adapter(question: Question, expression: str, interface: str) -> str:
    """A function where an interface is wanted: the function type that implements it, if its package has one."""
    package, name = await question.type_of(interface)
    adapting = package.named(f"{name}Func")
    if adapting is None:
        return listing(f"{interface} asks for", await methods(question, package, name))
    return f"{interface}Func({expression}) makes a {interface} of it: {adapting.signature}"


async def methods(question: Question, package: Package, name: str, depth: int = _DEPTH) -> list[Declaration]:
    """Return an interface's methods, those of the interfaces it embeds included."""
    # An embedded interface may be listed among the methods, as a name alone.
    declared = (one for one in package.declarations if one.owner == name and one.kind == "method")
    found = [one for one in declared if "(" in one.signature]
    for outer, embedded in package.embedded:
        if outer != name or not depth:
            continue
        qualifier, _, inner = embedded.rpartition(".")
        other = await question.package(await question.import_path(qualifier)) if qualifier else package
        found.extend(await methods(question, other, inner, depth - 1))
    return list({one.name: one for one in found}.values())


async def pointer_receiver(_: Question, type_text: str, interface: str, method: str) -> str:
    """`method M has pointer receiver`: only the pointer implements the interface."""
    return (
        f"Only *{type_text} has {method} and so is {interface}: pass a pointer (&value), "
        "or give all methods value receivers."
    )


async def asked(question: Question, constraint: str) -> str:
    """`T does not satisfy C`: what the constraint asks for."""
    package, bare = await question.type_of(constraint)
    wanted = await methods(question, package, bare)
    if wanted:
        return listing(f"{constraint} asks for", wanted)
    found = package.named(bare)
    return found.line if found is not None else ""
