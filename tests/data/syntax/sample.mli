(** Doc. *)
val f : int -> string
(** After doc f. *)

(** Before g. *)
val g : 'a t -> ('a -> 'b) ->
  'b t
external e : int -> int = "x"
type t [@@deriving show]
module M : sig
  val x : int
end
module K : S with type t = int
module type S = sig type t end
exception Foo
val ( + ) : int -> int
class c : object method m : int end
