"""Signatures as the compiler prints them, taken apart and told in brief."""

from __future__ import annotations

from lang.ocaml.briefs import brief
from lang.ocaml.signature import Signature, parse

PRINTED = """\
sig
  type +'a t
  type color = [ `Blue | `Red ]
  type position = {
    line : int;
    mutable column : int;
  }
  and other = Nothing
  exception Closed of string
  external length : 'a t -> int = "%length"
  val map : ('a -> 'b) -> 'a t -> 'b t
  val ( >>= ) :
    'a t -> ('a -> 'b t) -> 'b t
  module Inner : sig val x : int type t = int end
  module Alias = Elsewhere.Alias
  module type S =
    sig
      type t
      val pp : Format.formatter -> t -> unit
    end
end"""


def parsed(text: str) -> Signature:
    found = parse(text)
    assert found
    return found


def test_items_in_order_each_on_one_line() -> None:
    items = parsed(PRINTED).items
    assert [(item.kind, item.name) for item in items] == [
        ("type", "t"),
        ("type", "color"),
        ("type", "position"),
        ("type", "other"),
        ("exception", "Closed"),
        ("val", "length"),
        ("val", "map"),
        ("val", "(>>=)"),
        ("module", "Inner"),
        ("module", "Alias"),
        ("module type", "S"),
    ]
    assert items[2].text == "type position = { line : int; mutable column : int; }"
    assert items[5].text == "val length : 'a t -> int"
    assert items[7].text.endswith(": 'a t -> ('a -> 'b t) -> 'b t")
    assert [inner.name for inner in items[10].inner] == ["t", "pp"]


def test_a_functor_keeps_its_argument() -> None:
    found = parsed("(Ord : Map.OrderedType) ->\n  sig\n    type key = Ord.t\n    val empty : 'a t\n  end")
    assert found.parameters == "(Ord : Map.OrderedType) ->"
    assert [item.name for item in found.items] == ["key", "empty"]


def test_what_is_no_signature_is_none() -> None:
    for text in ("int -> int", "", "sig", "end", "type t = { send : int }"):
        assert parse(text) is None


def test_families_and_repetitions_are_named_only() -> None:
    values = "\n".join(f"  val is_{word} : t -> bool" for word in ("a", "b", "c", "d", "e", "f"))
    main = parsed(f"sig\n  type t\n  val make : unit -> t\n{values}\nend")
    told = brief({"Lib": main, "Lib.Same": main}, 4_000).splitlines()
    assert told == [
        "module Lib",
        "type t",
        "val make : unit -> t",
        "val is_a : t -> bool",
        "  likewise is_{b c d e f}",
        "much as Lib: Lib.Same",
    ]


def test_a_budget_is_kept() -> None:
    long = parsed("sig\n" + "\n".join(f"  val value{n} : int -> string -> bool" for n in range(400)) + "\nend")
    told = brief({"Lib": long, "Lib.Other": parsed("sig\n  val z : int\nend")}, 1_000)
    assert len(told) <= 1_200
    assert "val value0 : int -> string -> bool" in told
    assert "value399" not in told


def test_deprecated_items_are_left_out() -> None:
    told = brief({"Lib": parsed("sig\n  val old : int\n  val fresh : int\n  val newer : int\nend")}, 500, {"Lib.old"})
    assert "old" not in told
    assert "val fresh : int" in told


def test_modules_inside_are_told_by_their_full_names_the_essential_ones_first() -> None:
    manual = "\n".join(f"      val s_{name} : string" for name in ("a", "b", "c", "d", "e"))
    arguments = """\
      type 'a t
      val doc_quote : string -> string
      val value : 'a t -> 'a
      val info : ?a:int -> ?b:int -> ?c:int -> ?d:(int -> int) -> string list -> int t
      val flag : ?a:int -> ?b:int -> ?c:int -> ?d:(int -> int) -> int t -> bool t
      val ( & ) : ('a -> 'b) -> 'a -> 'b"""
    printed = f"sig\n  module Manpage :\n    sig\n{manual}\n    end\n  module Arg :\n    sig\n{arguments}\n    end\nend"
    assert brief({"Cmdliner": parsed(printed)}, 4_000).splitlines() == [
        "module Cmdliner.Arg",
        "type 'a t",
        "val info : ?a ?b ?c ?d -> string list -> int t",
        "val flag : ?… -> int t -> bool t",
        "val value : 'a t -> 'a",
        "val (&) : ('a -> 'b) -> 'a -> 'b",
        "  also doc_quote",
        "module Cmdliner.Manpage: s_a s_b s_c s_d s_e",
    ]


def test_a_module_that_others_mention_comes_before_one_of_constants() -> None:
    constants = parsed("sig\n" + "\n".join(f"  val c{n} : int" for n in range(8)) + "\nend")
    tree = parsed("sig\n  type t\n  val add : t -> int -> t\n  val size : t -> int\nend")
    users = parsed("sig\n  val show : Tree.t -> string\n  val hide : Tree.t -> unit\nend")
    told = brief({"Lib.Numbers": constants, "Lib.Tree": tree, "Lib.Users": users}, 4_000)
    assert told.index("module Lib.Tree") < told.index("module Lib.Numbers")


def test_operators_keep_their_names() -> None:
    assert [item.name for item in parsed("sig\n  val ( <*> ) : ('a -> 'b) t -> 'a t -> 'b t\nend").items] == ["(<*>)"]
