"""Calls of a script in which a model writes a package that greets, with its test."""

from __future__ import annotations

GO_MOD = """
[[turn.call]]
name = "write_file"
input = { path = "go.mod", content = "module example.com/greet\\n\\ngo 1.24\\n" }
"""
GREET = """
[[turn.call]]
name = "write_file"
input = { path = "greet.go", content = "package greet\\n\\nfunc Hello() string { return \\"hello\\" }\\n" }
"""
TEST = """
[[turn.call]]
name = "write_file"
[turn.call.input]
path = "greet_test.go"
content = '''
package greet

import "testing"

func TestHello(t *testing.T) {
	if Hello() != "hello" {
		t.Fatal(Hello())
	}
}
'''
"""
FINISH = '[[turn.call]]\nname = "finish"\ninput = { summary = "Add a greeting." }\n'
