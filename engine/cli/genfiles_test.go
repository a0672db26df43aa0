package cli_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/engine/cli"
	"github.com/dowel-dev/dowel/schema/load"
)

// runs is a verb in this process.
func runs(env []string, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = cli.Run(context.Background(), cli.App{Version: "1.2.3"}, args, strings.NewReader(""), &out, &errs, env)
	return status, out.String(), errs.String()
}

const secretive = "dowel: 1\napp: {title: \"Acme  CRM, Ltd.\"}\nroles: {admin: All.}\nclasses:\n  user:\n    auth: {login: email, secret: password}\n    fields: {email: email unique, password: password}\n    allow: {all: admin}\n"

// folderOf makes a folder with files.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func generated(t *testing.T, kind, folder string) string {
	t.Helper()
	status, out, errs := runs(nil, "gen", kind, folder)
	if status != 0 {
		t.Fatalf("gen %s ended with %d: %s", kind, status, errs)
	}
	return out
}

func TestGenDocker(t *testing.T) {
	for _, tc := range []struct {
		name        string
		files       map[string]string
		has, hasNot []string
	}{
		{"a schema with its policy and seed", map[string]string{
			"dowel.yaml": secretive, "config.yaml": "docs: false\n", "policy/a.csv": "", "seed/user.csv": "email\n", "data/app.db": "", ".env": "A=b", "auth.secret": "x",
			"tests/a.test.yaml": "", "compose.yaml": "name: x\n", "notes/README.md": "",
		}, []string{
			"go install -trimpath -ldflags '-s -w' github.com/dowel-dev/dowel/cmd/dowel@v1.2.3\n", "\nFROM scratch\n", "\nUSER 65532:65532\n",
			"COPY config.yaml /app/config.yaml\nCOPY dowel.yaml /app/dowel.yaml\nCOPY policy /app/policy\nCOPY seed /app/seed\nENV ",
			"DOWEL_DB=sqlite:/data/app.db", `CMD ["/dowel", "health", "/app"]`, "ca-certificates.crt", "docker build -t acme-crm-ltd .", "DOWEL_AUTH__SECRET",
		}, []string{"auth.secret /", ".env", "COPY data", "COPY tests", "compose", "notes"}},
		{"a program of its own", map[string]string{
			"dowel.yaml": "dowel: 1\nclasses: {task: {fields: {title: string}, allow: {all: anyone}}}\n", "go.mod": "module shop\n", "server/main.go": "package main\n", "config.yaml": "db: postgres://db/x\n",
		}, []string{"COPY . .\nRUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /out/dowel ./server\n", "docker build -t shop .", "COPY dowel.yaml /app/dowel.yaml\nENV DOWEL_LISTEN=0.0.0.0:8080 DOWEL_LOG__FORMAT=json\n"},
			[]string{"go install", "DOWEL_DB", "DOWEL_AUTH"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := generated(t, "docker", folderOf(t, tc.files))
			for _, text := range tc.has {
				if !strings.Contains(out, text) {
					t.Errorf("it lacks %q:\n%s", text, out)
				}
			}
			for _, text := range tc.hasNot {
				if strings.Contains(out, text) {
					t.Errorf("it has %q:\n%s", text, out)
				}
			}
		})
	}
}

func TestGenCompose(t *testing.T) {
	out := generated(t, "compose", folderOf(t, map[string]string{"dowel.yaml": secretive}))
	root, found := load.Document("compose.yaml", []byte(out))
	if len(found) > 0 {
		t.Fatalf("%v\n%s", found, out)
	}
	at := func(path ...string) *load.Node {
		n := root
		for _, name := range path {
			i := slices.IndexFunc(n.Members, func(m load.Member) bool { return m.Name == name })
			if i < 0 {
				t.Fatalf("there is no %v in\n%s", path, out)
			}
			n = &n.Members[i].Value
		}
		return n
	}
	for want, path := range map[string][]string{
		"acme-crm-ltd":         {"name"},
		"service_healthy":      {"services", "app", "depends_on", "db", "condition"},
		"true":                 {"services", "app", "read_only"},
		"20s":                  {"services", "app", "stop_grace_period"},
		"postgres:17":          {"services", "db", "image"},
		"redis:7":              {"services", "redis", "image"},
		"service_started":      {"services", "app", "depends_on", "redis", "condition"},
		"redis://redis:6379/0": {"services", "app", "environment", "DOWEL_REDIS"},
		"postgres://dowel:${DB_PASSWORD:?is missing in .env}@db:5432/dowel?sslmode=disable": {"services", "app", "environment", "DOWEL_DB"},
		"${AUTH_SECRET:?is missing in .env}":                                                {"services", "app", "environment", "DOWEL_AUTH__SECRET"},
	} {
		if got := at(path...).Text; got != want {
			t.Errorf("%v is %q, not %q", path, got, want)
		}
	}
	if test := at("services", "db", "healthcheck", "test"); len(test.Items) != 2 || !strings.HasPrefix(test.Items[1].Text, "pg_isready") {
		t.Errorf("the database is not waited for: %v", test)
	}
	if out := generated(t, "compose", folderOf(t, map[string]string{"dowel.yaml": "dowel: 1\nclasses: {task: {fields: {title: string}, allow: {all: anyone}}}\n"})); strings.Contains(out, "AUTH") {
		t.Errorf("a key is asked for that nobody needs:\n%s", out)
	}
}

func TestGenSystemd(t *testing.T) {
	folder := folderOf(t, map[string]string{"dowel.yaml": secretive})
	out := generated(t, "systemd", folder)
	values := map[string][]string{}
	for line := range strings.Lines(out) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
			values[name] = append(values[name], value)
		}
	}
	for name, want := range map[string][]string{
		"ExecStart":      {"/usr/local/bin/dowel serve --apply /opt/acme-crm-ltd"},
		"Environment":    {"DOWEL_LISTEN=127.0.0.1:8080", "DOWEL_DB=sqlite:/var/lib/acme-crm-ltd/app.db", "DOWEL_LOG__FORMAT=json", "DOWEL_AUTH__SECRET_FILE=%d/auth.secret"},
		"LoadCredential": {"auth.secret:/etc/acme-crm-ltd/auth.secret"}, "StateDirectory": {"acme-crm-ltd"}, "DynamicUser": {"yes"}, "NoNewPrivileges": {"yes"}, "ProtectSystem": {"strict"},
	} {
		if d := cmp.Diff(want, values[name]); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if runtime.GOOS != "linux" {
		return // no systemd anywhere
	}
	t.Run("verify", func(t *testing.T) {
		verify, err := exec.LookPath("systemd-analyze")
		if err != nil {
			t.Fatal("systemd-analyze is needed: install systemd")
		}
		unit := filepath.Join(t.TempDir(), "acme-crm-ltd.service")
		// It wants to see the program.
		if err := os.WriteFile(unit, []byte(strings.ReplaceAll(out, "/usr/local/bin/dowel", "/bin/true")), 0o644); err != nil {
			t.Fatal(err)
		}
		said, err := exec.Command(verify, "verify", "--man=no", unit).CombinedOutput()
		for line := range strings.Lines(string(said)) {
			if strings.Contains(line, "acme-crm-ltd.service:") {
				t.Error(line)
			}
		}
		if err != nil && len(said) == 0 {
			t.Error(err)
		}
	})
}

var (
	verbLine = regexp.MustCompile(`dowel ([a-z]+(?: [a-z]+)?(?: --[a-z-]+)*)(?:[ \n]|$)`)
	execForm = regexp.MustCompile(`(?:CMD|ENTRYPOINT) \[(.*)\]`)
	variable = regexp.MustCompile(`DOWEL_[A-Z_]+`)
)

// Whatever the files say to the program, it understands.
func TestGeneratedFilesFitTheGrammar(t *testing.T) {
	folder := folderOf(t, map[string]string{"dowel.yaml": secretive})
	if status, _, _ := runs(nil, "serve", "--aply", "--help"); status != 2 {
		t.Fatal("a wrong flag is not noticed beside --help")
	}
	for _, kind := range []string{"docker", "compose", "systemd"} {
		out := generated(t, kind, folder)
		var lines [][]string
		for _, m := range execForm.FindAllStringSubmatch(out, -1) {
			words := strings.Split(strings.ReplaceAll(m[1], `"`, ""), ", ")
			if words[0] == "/dowel" {
				words = words[1:]
			}
			if len(words) > 0 {
				lines = append(lines, words)
			}
		}
		for _, m := range verbLine.FindAllStringSubmatch(out, -1) {
			lines = append(lines, strings.Fields(m[1]))
		}
		if kind != "compose" && len(lines) < 2 {
			t.Errorf("gen %s runs nothing: %v", kind, lines)
		}
		for _, words := range lines {
			if status, _, errs := runs(nil, append(words, "--help")...); status != 0 {
				t.Errorf("gen %s: `dowel %s` is not understood: %s", kind, strings.Join(words, " "), errs)
			}
		}
		for _, name := range variable.FindAllString(out, -1) {
			value := map[string]string{"DOWEL_LISTEN": "127.0.0.1:0", "DOWEL_DB": "memory:", "DOWEL_LOG__FORMAT": "json", "DOWEL_AUTH__SECRET": strings.Repeat("k", 32)}[name]
			if _, _, errs := runs([]string{name + "=" + value}, "config", folder); strings.Contains(errs, "unknown environment variable") {
				t.Errorf("gen %s: %s", kind, errs)
			}
		}
	}
}
