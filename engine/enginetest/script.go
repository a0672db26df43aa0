package enginetest

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/dowel-dev/dowel/authz/token"
)

// RunFiles runs the conversations of every file that a pattern of
// filepath.Glob matches, each as a subtest and with an application of its own. app is the
// application of files that bring none.
func RunFiles(t *testing.T, pattern string, app fs.FS, o Options) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no file matches %s", pattern)
	}
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			folder := app
			if len(archive.Files) > 0 {
				folder = folderOf(archive)
			}
			Open(t, folder, o).Run(t, file, string(archive.Comment))
		})
	}
}

func folderOf(a *txtar.Archive) fs.FS {
	folder := fstest.MapFS{}
	for _, f := range a.Files {
		folder[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return folder
}

// Run holds a conversation. name is the file it comes from, for messages.
func (a *App) Run(t testing.TB, name, conversation string) {
	t.Helper()
	c := &conversing{app: a, t: t, file: name, known: names{}, lines: strings.Split(conversation, "\n")}
	for c.at < len(c.lines) {
		c.step()
	}
}

// conversing is a conversation on its way.
type conversing struct {
	app   *App
	t     testing.TB
	file  string
	lines []string
	at    int
	token string // the Authorization of requests that have none of their own
	known names
}

func (c *conversing) step() {
	c.t.Helper()
	line := strings.TrimSpace(c.lines[c.at])
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "" || line[0] == '#':
		c.at++
	case line[0] == '>':
		c.exchange(0)
	case line == "until":
		c.at++
		c.exchange(patience)
	case word == "as":
		c.at++
		c.as(strings.Fields(rest))
	case word == "make":
		class, _, _ := strings.Cut(rest, " ")
		c.lines[c.at] = strings.TrimPrefix(strings.TrimSpace(rest), class)
		c.app.Make(c.t, class, c.known.expand(c.block()))
	default:
		c.t.Fatalf("%s:%d: what is %q? (a request begins with >)", c.file, c.at+1, line)
	}
}

// as changes who speaks.
func (c *conversing) as(words []string) {
	c.t.Helper()
	c.token = ""
	if len(words) == 1 && words[0] == "nobody" {
		return
	}
	claims := token.Claims{Subject: "1"}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		switch value = c.known.expand(value); name {
		case "id":
			claims.Subject = value
		case "tenant":
			claims.Tenant = value
		default:
			claims.Roles = append(claims.Roles, w)
		}
	}
	c.token = c.app.bearer(c.t, claims)
}

// patience is how long an answer may take to become the expected one, after `until`.
const patience = 20 * time.Second

// exchange sends a request and looks at the answer.
func (c *conversing) exchange(within time.Duration) {
	c.t.Helper()
	first := c.at + 1
	head := c.head('>')
	content := c.known.expand(c.block())
	for c.at < len(c.lines) && strings.TrimSpace(c.lines[c.at]) == "" {
		c.at++
	}
	want := c.head('<')
	expected := c.block()
	if len(want) == 0 {
		c.t.Fatalf("%s:%d: no answer is expected: write < and a status below", c.file, first)
	}
	method, target, _ := strings.Cut(c.known.expand(head[0]), " ")
	fields := make([]string, 0, len(head))
	token := c.token
	for _, f := range head[1:] {
		f = c.known.expand(f)
		if strings.HasPrefix(strings.ToLower(f), "authorization:") {
			token = ""
		}
		fields = append(fields, f)
	}
	if token != "" {
		fields = append(fields, "Authorization: "+token)
	}
	began, known := time.Now(), maps.Clone(c.known)
	wrong := c.check(c.app.Do(c.t, method, target, content, fields...), want, expected)
	for wrong != nil && time.Since(began) < within {
		time.Sleep(20 * time.Millisecond)
		c.known = maps.Clone(known)
		wrong = c.check(c.app.Do(c.t, method, target, content, fields...), want, expected)
	}
	for _, err := range wrong {
		c.t.Errorf("%s:%d: %s: %v", c.file, first, head[0], err)
	}
}

func (c *conversing) check(res Response, want []string, expected string) (wrong []error) {
	status, _, _ := strings.Cut(want[0], " ")
	if got := strconv.Itoa(res.Status); got != status {
		return []error{fmt.Errorf("status %s, want %s\n%s", got, status, res.Body)}
	}
	for _, field := range want[1:] {
		name, value, _ := strings.Cut(field, ":")
		value = strings.TrimSpace(value)
		got := strings.Join(res.Header.Values(name), ", ")
		if value == "-" {
			if got != "" {
				wrong = append(wrong, fmt.Errorf("%s: want none, got %s", name, got))
			}
			continue
		}
		if err := c.known.text(c.known.expand(value), got); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	}
	switch {
	case expected == "":
	case expected == "(empty)":
		if res.Body != "" {
			wrong = append(wrong, fmt.Errorf("want no content, got %s", res.Body))
		}
	default:
		if err := c.known.content(c.known.expand(expected), res.Body); err != nil {
			wrong = append(wrong, err)
		}
	}
	return wrong
}

// head takes the lines that begin with a mark, without it.
func (c *conversing) head(mark byte) []string {
	var lines []string
	for c.at < len(c.lines) {
		line := strings.TrimSpace(c.lines[c.at])
		if line == "" || line[0] != mark {
			break
		}
		lines = append(lines, strings.TrimSpace(line[1:]))
		c.at++
	}
	return lines
}

// block takes the content up to a blank line or the next exchange.
func (c *conversing) block() string {
	var lines []string
	for c.at < len(c.lines) {
		line := strings.TrimSpace(c.lines[c.at])
		if line == "" || len(lines) > 0 && begins(line) || strings.HasPrefix(line, "< ") || line[0] == '>' {
			break
		}
		lines = append(lines, c.lines[c.at])
		c.at++
	}
	return strings.Join(lines, "\n")
}

// begins reports whether a line is the next command and no content.
func begins(line string) bool {
	return line[0] == '#' || line == "until" || strings.HasPrefix(line, "as ") || strings.HasPrefix(line, "make ")
}
