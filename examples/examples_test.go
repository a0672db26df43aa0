package examples_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/engine/cli"
	"github.com/dowel-dev/dowel/examples"
)

// TestConversations runs the console blocks of every README against the
// application it talks about, served by `dowel dev` on each kind of database, and
// compares the answers. In an expected answer … stands for anything.
func TestConversations(t *testing.T) {
	for database, url := range databases {
		for _, readme := range []string{"minimal", "crm", "blog", "tracker", "organizations", "ratings", "iso", ""} {
			t.Run(database+"/"+readme, func(t *testing.T) { converse(t, readme, url(t)) })
		}
	}
}

func converse(t *testing.T, example, db string) {
	t.Chdir("..") // commands name files as from the top of the repository
	app := filepath.Join("examples", example)
	readme := filepath.Join(app, "README.md")
	if app == "examples" {
		app, readme = "examples/crm", "README.md"
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	steps := conversation(string(text))
	if len(steps) == 0 {
		t.Fatal("no console block with a command")
	}
	s := serve(t, app, db)
	for i := range steps {
		step := &steps[i]
		got := s.run(t, step.command)
		if alike(step.answer, got) {
			continue
		}
		if *update {
			step.answer = masked(strings.TrimRight(got, "\n")) + "\n"
			continue
		}
		t.Errorf("line %d: $ %s\n--- README\n%s\n--- answer\n%s", step.line, step.command, step.answer, got)
	}
	if *update {
		if err := os.WriteFile(readme, []byte(rewrite(string(text), steps)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var update = flag.Bool("update", false, "write the answers that differ into the READMEs; put … for what changes")

// changing matches what differs from run to run.
var changing = []*regexp.Regexp{
	regexp.MustCompile(`"meta":\{[^{}]*\}`),
	regexp.MustCompile(`"(?:created_at|updated_at|deleted_at|published_at)":"[^"]*"`),
	regexp.MustCompile(`Etag: "[^"]*"`),
	regexp.MustCompile(`"(?:access_token|refresh_token|request_id|instance|timestamp)":"[^"]*"`),
}

func masked(answer string) string {
	for _, re := range changing {
		answer = re.ReplaceAllStringFunc(answer, func(found string) string {
			name, _, _ := strings.Cut(found, ":")
			switch name {
			case `"meta"`:
				return name + ":{…}"
			case "Etag":
				return name + `: "…"`
			}
			return name + `:"…"`
		})
	}
	return answer
}

// rewrite puts the answers of steps into the text they were taken from.
func rewrite(text string, steps []step) string {
	var out []string
	inside, n := false, 0
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case inside && strings.HasPrefix(line, "$ "):
			step := steps[n]
			n++
			out = append(out, "$ "+step.command)
			if step.answer != "" {
				out = append(out, strings.TrimSuffix(step.answer, "\n"))
			}
			continue
		case inside:
			continue
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// step is one command of a README with the answer printed below it.
type step struct {
	line            int
	command, answer string
}

// conversation takes the steps out of the ```console blocks of a text.
func conversation(text string) []step {
	var steps []step
	inside, more := false, false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside, more = line == "```console", false
		case !inside:
		case more:
			last := &steps[len(steps)-1]
			last.command += "\n" + line
			more = strings.HasSuffix(line, "\\")
		case strings.HasPrefix(line, "$ "):
			steps = append(steps, step{line: i + 1, command: line[2:]})
			more = strings.HasSuffix(line, "\\")
		case len(steps) > 0:
			steps[len(steps)-1].answer += line + "\n"
		}
	}
	return steps
}

// alike compares an answer with what is expected of it, … being anything.
func alike(want, got string) bool {
	pattern := regexp.QuoteMeta(strings.TrimSpace(want))
	pattern = "(?s)^" + strings.ReplaceAll(pattern, "…", ".*?") + "$"
	return regexp.MustCompile(pattern).MatchString(strings.TrimSpace(got))
}

// server is `dowel dev` running on one of the examples.
type server struct {
	url string
	env []string
}

func serve(t *testing.T, app, db string) *server {
	t.Helper()
	env := []string{
		"CI=1", "DOWEL_AUTH__SECRET=0123456789abcdef0123456789abcdef",
		"DOWEL_DB=" + db,
	}
	ctx, stop := context.WithCancel(context.Background())
	said := &lines{}
	done := make(chan int)
	go func() {
		done <- cli.Run(ctx, stock, []string{"dev", "--listen", "127.0.0.1:0", app}, strings.NewReader(""), io.Discard, said, env)
	}()
	t.Cleanup(func() {
		stop()
		if status := <-done; status != 0 {
			t.Errorf("dev ended with status %d:\n%s", status, said)
		}
	})
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if m := regexp.MustCompile(`API +(http://[^/\s]+)`).FindStringSubmatch(said.String()); m != nil {
			return &server{m[1], env}
		}
		select {
		case status := <-done:
			go func() { done <- status }()
			t.Fatalf("dev ended with status %d:\n%s", status, said)
		default:
		}
	}
	t.Fatalf("dev did not start:\n%s", said)
	return nil
}

var stock = cli.App{Version: "test", Templates: examples.Templates()}

// run executes one command: curl against the server, or a verb of dowel.
func (s *server) run(t *testing.T, command string) string {
	t.Helper()
	words, err := split(command)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	switch words[0] {
	case "curl":
		return s.curl(t, words[1:])
	case "dowel":
		var out bytes.Buffer
		cli.Run(context.Background(), stock, words[1:], strings.NewReader(""), &out, &out, s.env)
		return out.String()
	}
	t.Fatalf("cannot run %q", command)
	return ""
}

// curl understands the flags that the READMEs use.
func (s *server) curl(t *testing.T, words []string) string {
	t.Helper()
	var method, url, body, user string
	headers := http.Header{}
	include := false
	for len(words) > 0 {
		flag := words[0]
		words = words[1:]
		if !strings.HasPrefix(flag, "-") {
			url = flag
			continue
		}
		switch flag {
		case "-s":
			continue
		case "-i":
			include = true
			continue
		}
		value := words[0]
		words = words[1:]
		switch flag {
		case "-X":
			method = value
		case "--json":
			body = value
			headers.Set("Content-Type", "application/json")
		case "-u":
			user = value
		case "-H":
			name, v, _ := strings.Cut(value, ": ")
			headers.Add(name, v)
		default:
			t.Fatalf("curl %s: not a flag of this test", flag)
		}
	}
	if method == "" {
		method = map[bool]string{true: "POST", false: "GET"}[body != ""]
	}
	r, err := http.NewRequest(method, strings.Replace(url, "localhost:8080", s.url, 1), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = headers
	if name, password, ok := strings.Cut(user, ":"); ok {
		r.SetBasicAuth(name, password)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	content, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := string(content)
	if include {
		head := fmt.Sprintf("HTTP/1.1 %s\n", a.Status)
		for _, name := range []string{"Content-Type", "Etag", "Location", "Link", "X-Total-Count", "Www-Authenticate"} {
			if v := a.Header.Get(name); v != "" {
				head += name + ": " + v + "\n"
			}
		}
		out = head + "\n" + out
	}
	return strings.ReplaceAll(out, s.url, "http://localhost:8080")
}

// split cuts a shell line into words; quotes and \ at a line's end are understood.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quote, begun := rune(0), false
	line = strings.ReplaceAll(line, "\\\n", " ")
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, begun = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if begun {
				words = append(words, word.String())
				word.Reset()
				begun = false
			}
		default:
			word.WriteRune(c)
			begun = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("unclosed %c", quote)
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

// lines collects what is printed while others read it.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
