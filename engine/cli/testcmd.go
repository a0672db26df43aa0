package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
)

// testFlags are understood by both runners.
type testFlags struct {
	Coverage bool `help:"List the rules that no test has exercised; status 1 when there are some."`
	Mutate   bool `help:"Turn around and remove each rule: some test has to fail. Lists those that nobody missed; status 1 when there are some."`
	reportFlag
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// policyTestCmd is `dowel policy test`.
type policyTestCmd struct{ testFlags }

// Run checks the sentences.
func (c *policyTestCmd) Run(r *run) error { return c.run(r, false) }

// testCmd is `dowel test`.
type testCmd struct {
	testFlags
	Contract bool `help:"Call every operation, as the OpenAPI document says, at its limits and beyond, and hold the answers against the document. Runs nothing else."`
}

// Run checks the sentences and the HTTP steps, or the document.
func (c *testCmd) Run(r *run) error {
	if !c.Contract {
		return c.run(r, true)
	}
	if c.Coverage || c.Mutate {
		return misuse("--coverage and --mutate are about the tests in tests/: leave out --contract")
	}
	return c.contract(r)
}

// testReport is what a run of tests found.
type testReport struct {
	Passed   int             `json:"passed"`
	Failed   int             `json:"failed"`
	MS       float64         `json:"ms"`
	Results  []testResult    `json:"results"`
	Coverage *coverageReport `json:"coverage,omitempty"`
	Mutation *mutationReport `json:"mutation,omitempty"`
}

// testResult is one sentence or step.
type testResult struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Test string `json:"test"`
	OK   bool   `json:"ok"`
	Says string `json:"says,omitempty"`
	Rule string `json:"rule,omitempty"`
}

type coverageReport struct {
	Rules  int        `json:"rules"`
	Used   int        `json:"used"`
	Unused []ruleJSON `json:"unused"`
}

type mutationReport struct {
	Mutants   int        `json:"mutants"`
	Killed    int        `json:"killed"`
	Survivors []ruleJSON `json:"survivors"`
}

// ruleJSON is a rule, and what was done to it.
type ruleJSON struct {
	At     string `json:"at"`
	Rule   string `json:"rule"`
	Change string `json:"change,omitempty"`
}

func (c *testFlags) run(r *run, steps bool) error {
	began := time.Now()
	p, err := r.load(c.Folder, false)
	if err != nil {
		return err
	}
	files, err := readTests(p.folder, p.schema)
	if err != nil {
		return err
	}
	s := &suite{run: r, project: p, files: files, steps: steps, used: map[*schema.Rule]bool{}}
	report, err := s.test(c.Coverage)
	if err != nil {
		return err
	}
	if c.Coverage {
		report.Coverage = s.coverage()
	}
	if c.Mutate && report.Failed == 0 {
		if report.Mutation, err = s.mutate(); err != nil {
			return err
		}
	}
	report.MS = float64(time.Since(began).Microseconds()) / 1000
	if c.Output == "json" {
		err = printJSON(r, report)
	} else {
		err = report.text(r.out)
	}
	unused := report.Coverage != nil && len(report.Coverage.Unused) > 0
	survived := report.Mutation != nil && len(report.Mutation.Survivors) > 0
	if err == nil && (report.Failed > 0 || unused || survived) {
		return reported(exitFindings)
	}
	return err
}

// text prints a report for people: failures first, then a summary.
func (t *testReport) text(w io.Writer) error {
	var b strings.Builder
	for _, res := range t.Results {
		if res.OK {
			continue
		}
		fmt.Fprintf(&b, "%s:%d: %s\n    %s\n", res.File, res.Line, printable(res.Test), printable(res.Says))
		if res.Rule != "" {
			fmt.Fprintf(&b, "    %s\n", printable(res.Rule))
		}
	}
	fmt.Fprintf(&b, "%d passed, %d failed (%.0f ms)\n", t.Passed, t.Failed, t.MS)
	rules := func(list []ruleJSON) {
		for _, rule := range list {
			line := rule.At + "  " + rule.Rule
			if rule.Change != "" {
				line += "  " + rule.Change
			}
			fmt.Fprintf(&b, "  %s\n", printable(line))
		}
	}
	if c := t.Coverage; c != nil {
		fmt.Fprintf(&b, "%d of %s exercised\n", c.Used, counted(c.Rules, "rule", "rules"))
		rules(c.Unused)
	}
	if m := t.Mutation; m != nil {
		fmt.Fprintf(&b, "%d of %s noticed\n", m.Killed, counted(m.Mutants, "change", "changes"))
		rules(m.Survivors)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// suite is the tests of an application.
type suite struct {
	run     *run
	project *project
	files   []*testFile
	steps   bool
	used    map[*schema.Rule]bool // by what has passed
}

// seeded reports whether sentences need the rows of the seed.
func (s *suite) seeded() bool {
	for _, f := range s.files {
		if s.steps && len(f.steps) > 0 {
			return true
		}
		for i := range f.sentences {
			x := &f.sentences[i]
			if x.target.key != "" || x.where != nil || x.who.login != "" || x.who.in != "" {
				return true
			}
		}
	}
	return false
}

// test runs everything once.
func (s *suite) test(full bool) (*testReport, error) {
	report := &testReport{Results: []testResult{}}
	w, err := s.project.newWorld(s.run, s.project.rules, s.seeded())
	if err != nil {
		return nil, err
	}
	defer w.close()
	note := func(file string, line int, text string, v *verdict) {
		report.Results = append(report.Results, testResult{File: under(s.project.folder, file), Line: line, Test: text, OK: v.ok, Says: v.says, Rule: v.rule})
		if !v.ok {
			report.Failed++
			return
		}
		report.Passed++
		for _, rule := range v.used {
			s.used[rule] = true
		}
	}
	for _, f := range s.files {
		for i := range f.sentences {
			x := &f.sentences[i]
			v, err := w.judge(s.run, x, full)
			if err != nil {
				return nil, err
			}
			note(f.name, x.pos.Line, x.text, v)
		}
	}
	if !s.steps {
		return report, nil
	}
	for _, f := range s.files {
		if len(f.steps) == 0 {
			continue
		}
		err := s.conversation(f, s.project.rules, func(step *httpStep, v *verdict) bool {
			note(f.name, step.pos.Line, step.String(), v)
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return report, nil
}

// conversation takes the steps of a file, on rows of its own, until told to stop.
func (s *suite) conversation(f *testFile, rules *authz.Rules, each func(*httpStep, *verdict) bool) error {
	w, err := s.project.newWorld(s.run, rules, true)
	if err != nil {
		return err
	}
	defer w.close()
	for i := range f.steps {
		v, err := w.take(s.run, &f.steps[i])
		if err != nil {
			return err
		}
		if !each(&f.steps[i], v) {
			return nil
		}
	}
	return nil
}

// coverage lists the rules that no passing test has exercised.
func (s *suite) coverage() *coverageReport {
	c := &coverageReport{Unused: []ruleJSON{}}
	for _, rule := range s.project.rules.All() {
		c.Rules++
		if s.used[rule] {
			c.Used++
		} else {
			c.Unused = append(c.Unused, s.shown(rule, ""))
		}
	}
	return c
}

func (s *suite) shown(rule *schema.Rule, change string) ruleJSON {
	return ruleJSON{At: under(s.project.folder, authz.At(rule)), Rule: rule.Class.Name + " " + authz.Said(rule), Change: change}
}

// mutate changes each rule and looks whether a test fails. A change that leaves
// every decision as it is cannot be noticed, and does not count.
func (s *suite) mutate() (*mutationReport, error) {
	m := &mutationReport{Survivors: []ruleJSON{}}
	rules := s.project.rules
	w, err := s.project.newWorld(s.run, rules, s.seeded())
	if err != nil {
		return nil, err
	}
	defer w.close()
	all := rules.All()
	for i, rule := range all {
		for _, change := range mutations(rule) {
			mutant := slices.Clone(all)
			if change.rule == nil {
				mutant = slices.Delete(mutant, i, i+1)
			} else {
				mutant[i] = change.rule
			}
			other := rules.With(mutant)
			if sameDecisions(rules, other, rule.Class) {
				continue
			}
			m.Mutants++
			noticed, err := s.noticed(w, other)
			if err != nil {
				return nil, err
			}
			if noticed {
				m.Killed++
			} else {
				m.Survivors = append(m.Survivors, s.shown(rule, change.name))
			}
		}
	}
	return m, nil
}

// mutation is a rule changed; a nil rule is gone.
type mutation struct {
	name string
	rule *schema.Rule
}

func mutations(rule *schema.Rule) []mutation {
	turned := *rule
	turned.Deny = !rule.Deny
	list := []mutation{{"removed", nil}, {"turned around", &turned}}
	if rule.Where != nil {
		always := *rule
		always.Where, always.Cond, always.RowRole = nil, "", ""
		list = append(list, mutation{"without its condition", &always})
	}
	return list
}

// sameDecisions reports whether two policies decide alike on a class, for every role.
func sameDecisions(a, b *authz.Rules, c *schema.Class) bool {
	for _, verb := range authz.VerbsOf(c) {
		before, after := a.Matrix(c, verb), b.Matrix(c, verb)
		for i := range before {
			if !authz.SameDecision(before[i].Decision, after[i].Decision) {
				return false
			}
		}
	}
	return true
}

// noticed reports whether a test fails under other rules.
func (s *suite) noticed(w *world, rules *authz.Rules) (bool, error) {
	if err := w.under(rules); err != nil {
		return false, err
	}
	for _, f := range s.files {
		for i := range f.sentences {
			v, err := w.judge(s.run, &f.sentences[i], false)
			if err != nil || !v.ok {
				return true, err
			}
		}
	}
	if !s.steps {
		return false, nil
	}
	for _, f := range s.files {
		noticed := false
		err := s.conversation(f, rules, func(_ *httpStep, v *verdict) bool {
			noticed = !v.ok
			return v.ok
		})
		if err != nil || noticed {
			return noticed, err
		}
	}
	return false, nil
}
