(** Module doc. *)

open Base

(** T is a tree. More. *)
type 'a t = Leaf | Node of 'a t * 'a  (** node doc *)
and u = { name : string; (** the name *)
  mutable age : int }

(** [f x] doubles {!Foo.bar}. *)
let f x = x + 1
let rec g (x : int) ~lbl ?(opt=1) : string = h x

(* plain *)
and h y = y
let (a, b) = 1, 2
let ( let* ) = bind
let%test "name" = true
let () = print_endline "x"
external ext : int -> int = "c_ext"
exception E of string
module M = struct
  type t = int
  let v = 1
  module Inner = struct let z = 2 end
end
module F (X : S) : T = struct let q = 1 end
module Q : sig val f : int end = struct let f = 1 end
module type S = sig
  type t
  val x : int -> t
end
module N = Map.Make(String)
class c = object method m = 1 end
class type ct = object method m : int end
type poly = [ `A | `B of int ]
type ext += Foo
type gadt = A : int -> gadt | B : gadt
module rec X : sig val a : int end = struct let a = 1 end and Y : sig val b : int end = struct let b = 2 end
