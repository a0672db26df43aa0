package diag

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Formats are the words of --format.
func Formats() []string { return []string{"text", "short", "json", "github", "sarif"} }

// Write writes the list in a format of Formats; sources and colour serve text only.
func Write(w io.Writer, format string, l List, sources Sources, colour bool) error {
	switch format {
	case "text":
		return Text(w, l, sources, colour)
	case "short":
		return Short(w, l)
	case "json":
		return JSON(w, l)
	case "github":
		return GitHub(w, l)
	case "sarif":
		return SARIF(w, l)
	}
	return fmt.Errorf("unknown format %q: %s", format, strings.Join(Formats(), ", "))
}

// Short writes a line each: file:line:col: error[E023]: message.
func Short(w io.Writer, l List) error {
	out := bufio.NewWriter(w)
	for i := range l {
		fmt.Fprintln(out, short(&l[i]))
	}
	return out.Flush()
}

func short(d *Diagnostic) string {
	place := ""
	switch {
	case !d.Pos.IsZero():
		place = fmt.Sprintf("%s:%d:%d: ", d.Pos.File, d.Pos.Line, d.Pos.Col)
	case d.Pos.File != "":
		place = d.Pos.File + ": "
	}
	return fmt.Sprintf("%s%s[%s]: %s", place, d.Severity, d.Code, clean(d.Message))
}

type jsonFinding struct {
	Code      string        `json:"code"`
	Severity  string        `json:"severity"`
	Message   string        `json:"message"`
	Help      string        `json:"help"`
	File      string        `json:"file"`
	Line      int           `json:"line"`
	Column    int           `json:"column"`
	EndLine   int           `json:"end_line"`
	EndColumn int           `json:"end_column"`
	Related   []jsonRelated `json:"related"`
}

type jsonRelated struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// JSON writes an array of findings.
func JSON(w io.Writer, l List) error {
	all := make([]jsonFinding, len(l))
	for i, d := range l {
		all[i] = jsonFinding{
			Code: d.Code, Severity: d.Severity.String(), Message: d.Message, Help: d.Help,
			File: d.Pos.File, Line: d.Pos.Line, Column: d.Pos.Col, EndLine: d.Pos.Line, EndColumn: end(d.Pos),
			Related: make([]jsonRelated, len(d.Related)),
		}
		for j, r := range d.Related {
			all[i].Related[j] = jsonRelated{r.Pos.File, r.Pos.Line, r.Pos.Col, r.Message}
		}
	}
	return encode(w, all)
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// end is the column after the place, at least one character on.
func end(p schema.Pos) int {
	if p.IsZero() {
		return 0
	}
	return max(p.EndCol, p.Col+1)
}

// GitHub writes workflow commands, which annotate a pull request.
func GitHub(w io.Writer, l List) error {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	out := bufio.NewWriter(w)
	for _, d := range l {
		text := d.Message
		if d.Help != "" {
			text += "\nhelp: " + d.Help
		}
		place := ""
		if d.Pos.File != "" {
			place = "file=" + property.Replace(d.Pos.File) + ","
		}
		if !d.Pos.IsZero() {
			place += fmt.Sprintf("line=%d,endLine=%d,col=%d,endColumn=%d,", d.Pos.Line, d.Pos.Line, d.Pos.Col, end(d.Pos))
		}
		fmt.Fprintf(out, "::%s %stitle=%s::%s\n", d.Severity, place, property.Replace(d.Code), data.Replace(text))
	}
	return out.Flush()
}

// The parts of SARIF 2.1.0 that findings need.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string    `json:"id"`
		Short sarifText `json:"shortDescription"`
		Full  sarifText `json:"fullDescription"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
		Related   []sarifLocation `json:"relatedLocations,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
		Message  *sarifText    `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
)

// SARIF writes a SARIF 2.1.0 log, which code scanning services read.
func SARIF(w io.Writer, l List) error {
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "dowel", Rules: []sarifRule{}}}, ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	used := map[string]bool{}
	for _, d := range l {
		if code := Lookup(d.Code); code != nil && !used[d.Code] {
			used[d.Code] = true
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{d.Code, sarifText{code.Title}, sarifText{code.Text}})
		}
		text := d.Message
		if d.Help != "" {
			text += " (" + d.Help + ")"
		}
		r := sarifResult{RuleID: d.Code, Level: d.Severity.String(), Message: sarifText{text}}
		if d.Pos.File != "" {
			r.Locations = []sarifLocation{location(d.Pos, "")}
		}
		for _, other := range d.Related {
			r.Related = append(r.Related, location(other.Pos, other.Message))
		}
		run.Results = append(run.Results, r)
	}
	return encode(w, sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

func location(p schema.Pos, message string) sarifLocation {
	at := sarifLocation{Physical: sarifPhysical{Artifact: sarifArtifact{p.File}}}
	if !p.IsZero() {
		at.Physical.Region = &sarifRegion{p.Line, p.Col, p.Line, end(p)}
	}
	if message != "" {
		at.Message = &sarifText{message}
	}
	return at
}
