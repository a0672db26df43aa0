package authz

import (
	"strings"

	"github.com/dowel-dev/dowel/schema/expr"
)

// Codes of findings; package diag has the page of each.
const (
	codeVerb   = "E030"
	codeRole   = "E031"
	codeCycle  = "E032"
	codeLine   = "E035" // a policy file, a line or a column of one
	codeNoVerb = "E036" // a verb that the class does not have
	codeSyntax = "E040"
	codeNever  = "E042" // a condition that cannot hold
	codeIdle   = "W007" // a rule that others make superfluous
)

// bindCodes are the codes of mistakes inside a condition, as in the schema.
var bindCodes = map[string]string{
	expr.CodeUnknown: "E041", expr.CodeValue: "E042", expr.CodeType: "E043", expr.CodeSecret: "E044", expr.CodeMode: "E046",
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
