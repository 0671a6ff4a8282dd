// Package x does.
package x

import "fmt"

// Server serves. Well.
//
// More.
type Server[T any] struct {
	// Name is it.
	Name, Other string `json:"x"` // beside
	http.Handler
	*Foo[int]
	Fn    func(a int) error // is called
	Inner struct {
		A int
	}
}

type (
	// I is an interface.
	I interface {
		// Do does.
		Do(x int) error
		fmt.Stringer
		~int | ~string
	}
	Alias = int
	F     func(int)
)

// Shutdown stops.
//
//go:noinline
func (s *Server[T]) Shutdown(ctx context.Context) error { return nil }

func New[T any](
	a int, // é
	b string,
) *Server[T] {
	x := 1
	return nil
}

const (
	// A is a.
	A = iota
	B
)

var v, w = 1, 2
var big = map[string]int{
	"a": 1,
}
var (
	é int; q = 3
)
