package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
)

// completionCmd is `dowel completion`.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"One of ${enum}."`
}

// scripts ask the binary itself what may come next, so that they never age.
var scripts = map[string]string{
	"bash": `# eval "$(dowel completion bash)"
_dowel() {
	local IFS=$'\n'
	COMPREPLY=($(dowel __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
	if [ ${#COMPREPLY[@]} -eq 0 ]; then compopt -o default 2>/dev/null; fi
}
complete -F _dowel dowel
`,
	"zsh": `#compdef dowel
# eval "$(dowel completion zsh)"
_dowel() {
	local -a found
	found=("${(@f)$(dowel __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [ -n "${found[1]}" ]; then compadd -a found; else _files; fi
}
compdef _dowel dowel
`,
	"fish": `# dowel completion fish | source
function __dowel
	set -l words (commandline -opc) (commandline -ct)
	dowel __complete -- $words[2..-1] 2>/dev/null
end
complete -c dowel -a '(__dowel)'
`,
}

// Run prints the script.
func (c *completionCmd) Run(r *run) error {
	_, err := fmt.Fprint(r.out, scripts[c.Shell])
	return err
}

// completeCmd is what the scripts call: the words so far, the last one unfinished.
type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:"all"`
}

// Run prints every word that may stand where the last one is.
func (c *completeCmd) Run(r *run) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	var g grammar
	k, err := r.parser(&g)
	if err != nil {
		return err
	}
	last := words[len(words)-1]
	for _, word := range candidates(k.Model.Node, words[:len(words)-1], last) {
		if strings.HasPrefix(word, last) {
			fmt.Fprintln(r.out, word)
		}
	}
	return nil
}

// candidates walks down the verbs that were typed and offers what may follow.
func candidates(n *kong.Node, before []string, last string) []string {
	for _, word := range before {
		for _, child := range n.Children {
			if child.Name == word {
				n = child
				break
			}
		}
	}
	if len(before) > 0 {
		if words := flagValues(n, before[len(before)-1]); words != nil {
			return words
		}
	}
	if strings.HasPrefix(last, "-") {
		return flags(n)
	}
	if len(n.Children) > 0 {
		return verbs(n)
	}
	for _, arg := range n.Positional {
		if len(arg.EnumSlice()) > 0 && arg.Enum != "" {
			return arg.EnumSlice()
		}
	}
	first := len(before) > 0 && before[len(before)-1] == n.Name
	switch n.Name {
	case "routes", "explain":
		return names(classNames)
	case "list", "create", "import", "export":
		if first {
			return names(classNames)
		}
	case "get", "set", "rm":
		if first {
			return names(rowNames)
		}
	}
	return nil
}

// rowNames are the starts of CLASS/KEY.
func rowNames(s *schema.Schema) []string {
	all := classNames(s)
	for i := range all {
		all[i] += "/"
	}
	return all
}

// flagValues are the choices of a flag that waits for its value.
func flagValues(n *kong.Node, word string) []string {
	for _, level := range n.AllFlags(true) {
		for _, f := range level {
			if word != "--"+f.Name && (f.Short == 0 || word != "-"+string(f.Short)) || f.IsBool() {
				continue
			}
			if f.Enum != "" {
				return f.EnumSlice()
			}
			if f.Name == "role" {
				return names(func(s *schema.Schema) []string {
					var all []string
					for _, role := range s.Roles {
						all = append(all, role.Name)
					}
					return all
				})
			}
			return []string{}
		}
	}
	return nil
}

// names reads the application in the working directory, if there is one.
func names(of func(*schema.Schema) []string) []string {
	s, _ := load.FS(os.DirFS("."), ".", load.Options{})
	if s == nil {
		return nil
	}
	all := of(s)
	slices.Sort(all)
	return all
}
