package x

// Good is good.
func Good() error { return nil }

func broken( {
	if x {

// After comes after.
func After(a int) string {
	return ""
}

type T struct {
	A int
	B =
}

func (t *T) Method() {}
