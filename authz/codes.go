package authz

import "strings"

// Codes of findings; package diag has the page of each.
const (
	codeRole     = "E031"
	codeCycle    = "E032"
	codeVerb     = "E033"
	codeClass    = "E034"
	codeField    = "E035"
	codeFields   = "E036"
	codeEffect   = "E037"
	codeLine     = "E038"
	codeNever    = "E039"
	codeModel    = "E030"
	codeRepeated = "W031"
	codeShadowed = "W032"
	codeDenied   = "W033"
)

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
