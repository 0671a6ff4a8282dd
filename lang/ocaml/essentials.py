"""What programs take from the libraries that most of them use: no rule finds that in an interface alone."""

from __future__ import annotations

_TOLD = {
    "Alcotest": "run with_options test_case test check check' extra_info fail check_raises testable int string bool "
    "float list array option result pair unit",
    "Cmdliner.Cmd": "info v group eval eval' eval_result",
    "Cmdliner.Term": "t const ($) ret",
    "Cmdliner.Term.Syntax": "(let+) (and+)",
    "Cmdliner.Arg": "t info flag opt opt_all pos pos_all required value non_empty (&) conv some string int float bool "
    "enum file list",
    "Lwt": "t return bind map catch finalize both all join pick choose async pause",
    "Lwt.Syntax": "(let*) (let+) (and*)",
    "Lwt.Infix": "(>>=) (>|=)",
    "Lwt_list": "iter_s iter_p map_s map_p fold_left_s",
    "Lwt_main": "run",
    "Lwt_unix": "sleep with_timeout",
    "Lwt_io": "printl printf read_line read_line_opt read write write_line with_file",
    "QCheck": "arbitrary make int int_range int_bound bool string string_printable char float list list_size array "
    "option pair triple oneof oneof_list map assume (==>) fun1 fun_",
    "QCheck.Test": "t make check_exn",
    "QCheck_alcotest": "to_alcotest",
    "QCheck.Gen": "t return map bind int_range int_bound bool string_size list list_size option pair oneof oneof_list "
    "oneof_weighted sized fix (let*) (let+)",
    "Re": "re t compile exec exec_opt execp all matches split replace replace_string str char alt seq rep rep1 "
    "opt set rg digit group",
    "Re.Group": "get get_opt",
    "Re.Perl": "re compile_pat",
    "Yojson.Safe": "t from_string from_file from_channel to_string to_file to_channel pretty_to_string pp equal",
    "Yojson.Safe.Util": "member to_list to_string to_int to_float to_bool to_assoc to_option to_string_option "
    "to_int_option index",
}

ESSENTIALS = {module: tuple(names.split()) for module, names in _TOLD.items()}
"""Module -> names in it, first what is needed first. What isn't there in the version at hand is passed over."""

_QCHECK = ("qcheck-core", "qcheck-alcotest")
_PARTS = {"qcheck": _QCHECK, "qcheck-core": _QCHECK}


def parts(library: str) -> tuple[str, ...]:
    """Return the libraries to show for one: others where it only stands for them, and what joins it to a runner."""
    return _PARTS.get(library, (library,))


def inner_modules(library: str) -> tuple[str, ...]:
    """Return the modules inside of a library's own whose deprecated names need asking for."""
    return ("QCheck.Gen", "QCheck.Test") if library in _PARTS else ()
