package actions

// mostProblems caps how many problems one answer lists.
const mostProblems = 100

// problems collects everything wrong with an action.
type problems struct{ list []Problem }

func (p *problems) add(q Problem) {
	if len(p.list) < mostProblems {
		p.list = append(p.list, q)
	}
}

func (p *problems) param(name, code, detail, hint string) {
	p.add(Problem{Code: code, Detail: detail, Parameter: name, Hint: hint})
}

func (p *problems) pointer(ptr, code, detail, hint string) {
	p.add(Problem{Code: code, Detail: detail, Pointer: ptr, Hint: hint})
}

// err is nil when nothing is wrong.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return Invalid(p.list...)
}
