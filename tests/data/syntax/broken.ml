let good x = x

let broken x = match x with |

(** After. *)
let after ~label x = label x

module M = struct
  let inside = (1
end

type t = { a : int; b }

let last : int = 1
