package hostile_test

import (
	"strings"
	"testing"
)

const patchType = "Content-Type: application/json-patch+json"

// Nobody gives themselves a role, a row of others, or what the server works out,
// by whatever spelling: the row stays as it was.
func TestNobodyRisesByWriting(t *testing.T) {
	w := filled(t, true, 1, 1)
	tests := []struct {
		name, row string // row is what must not change
		request
	}{
		{"role", "users/2", request{"PATCH", "/api/users/2", `{"role":"admin"}`, nil, agent}},
		{"role beside a name", "users/2", request{"PATCH", "/api/users/2", `{"name":"x","role":"admin"}`, nil, agent}},
		{"role, in capitals", "users/2", request{"PATCH", "/api/users/2", `{"Role":"admin"}`, nil, agent}},
		{"role, twice", "users/2", request{"PATCH", "/api/users/2", `{"role":"agent","role":"admin"}`, nil, agent}},
		{"role, escaped", "users/2", request{"PATCH", "/api/users/2", `{"ro\u006ce":"admin"}`, nil, agent}},
		{"role by PUT", "users/2", request{"PUT", "/api/users/2", `{"email":"me@x.io","name":"x","role":"admin"}`, nil, agent}},
		{"role of its own", "users/2", request{"PUT", "/api/users/2/role", `"admin"`, nil, agent}},
		{"role cleared", "users/2", request{"DELETE", "/api/users/2/role", ``, nil, agent}},
		{"role by JSON Patch", "users/2", request{"PATCH", "/api/users/2", `[{"op":"replace","path":"/role","value":"admin"}]`, []string{patchType}, agent}},
		{"role copied from the name", "users/2", request{"PATCH", "/api/users/2", `[{"op":"copy","from":"/name","path":"/role"}]`, []string{patchType}, agent}},
		{"role by several", "users/2", request{"PATCH", "/api/users", `{"2":{"role":"admin"}}`, nil, agent}},
		{"role by filter", "users/2", request{"PATCH", "/api/users?id=2&max_affected=1", `{"role":"admin"}`, nil, agent}},
		{"role, dry", "users/2", request{"PATCH", "/api/users/2?dry_run=true", `{"role":"admin"}`, nil, agent}},
		{"role as somebody else", "users/2", request{"PATCH", "/api/users/2?as=5", `{"role":"admin"}`, nil, agent}},
		{"role with another's rights added", "users/2", request{"PATCH", "/api/users/2?as=5&as_mode=add", `{"role":"admin"}`, nil, agent}},
		{"somebody else", "users/3", request{"PATCH", "/api/users/3", `{"name":"x"}`, nil, agent}},
		{"id", "users/2", request{"PATCH", "/api/users/2", `{"id":5}`, nil, agent}},
		{"id by JSON Patch", "users/2", request{"PATCH", "/api/users/2", `[{"op":"replace","path":"/id","value":5}]`, []string{patchType}, agent}},
		{"whole row by JSON Patch", "users/2", request{"PATCH", "/api/users/2", `[{"op":"replace","path":"","value":{"role":"admin"}}]`, []string{patchType}, agent}},
		{"time of creation", "users/2", request{"PATCH", "/api/users/2", `{"created_at":"2020-01-01T00:00:00Z"}`, nil, agent}},
		{"author", "notes/3", request{"PATCH", "/api/notes/3", `{"author":3}`, nil, agent}},
		{"author by id", "notes/3", request{"PATCH", "/api/notes/3", `{"author_id":3}`, nil, agent}},
		{"owner given away", "things/1", request{"PATCH", "/api/things/1", `{"owner":3}`, nil, agent}},
		{"owner given away by PUT", "things/1", request{"PUT", "/api/things/1", `{"name":"x","owner":3}`, nil, agent}},
		{"owner cleared", "things/1", request{"PATCH", "/api/things/1", `{"owner":null}`, nil, agent}},
		{"owner of another's", "things/2", request{"PATCH", "/api/things/2", `{"owner":2}`, nil, agent}},
		{"owner of another's by filter", "things/2", request{"PATCH", "/api/things?id=2&max_affected=1", `{"owner":2}`, nil, agent}},
		{"owner among several", "things/1", request{"PATCH", "/api/things", `{"1":{"name":"stolen"},"2":{"owner":2}}`, nil, agent}},
		{"field of managers", "things/1", request{"PATCH", "/api/things/1", `{"secret":"x"}`, nil, agent}},
		{"field of managers by JSON Patch", "things/1", request{"PATCH", "/api/things/1", `[{"op":"add","path":"/secret","value":"x"}]`, []string{patchType}, agent}},
		{"field of managers, moved", "things/1", request{"PATCH", "/api/things/1", `[{"op":"move","from":"/secret","path":"/note"}]`, []string{patchType}, agent}},
		{"field of managers, tested", "things/1", request{"PATCH", "/api/things/1", `[{"op":"test","path":"/secret","value":"x"},{"op":"add","path":"/note","value":"x"}]`, []string{patchType}, agent}},
		{"set of managers", "things/1", request{"PATCH", "/api/things/1", `{"allies":{"add":[2]}}`, nil, agent}},
		{"number", "things/1", request{"PATCH", "/api/things/1", `{"number":9}`, nil, agent}},
		{"computed", "boxes/b0", request{"PATCH", "/api/boxes/b0", `{"weight":"1.00"}`, nil, agent}},
		{"time of deletion", "things/1", request{"PATCH", "/api/things/1", `{"deleted_at":"2020-01-01T00:00:00Z"}`, nil, agent}},
		{"box closed for oneself", "boxes/b0", request{"PATCH", "/api/boxes/b0", `{"open":false}`, nil, agent}},
		{"action of another's", "things/2", request{"POST", "/api/things/2/shut", `{}`, nil, agent}},
		{"purge", "things/1", request{"POST", "/api/things/1/purge", ``, nil, agent}},
		{"nobody", "things/1", request{"PATCH", "/api/things/1", `{"name":"x"}`, nil, nobody}},
		{"a name like a role", "users/2", request{"PATCH", "/api/users/2", `{"role":"admin"}`, nil, 6}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := w.must(t, 200, admin, "GET", "/api/"+tt.row, "").Body
			res, _ := w.send(t, tt.request)
			after := w.must(t, 200, admin, "GET", "/api/"+tt.row, "").Body
			if before != after {
				t.Errorf("%d %s\nwas %s\nis  %s", res.Status, res.Body, before, after)
			}
			if res.Status < 400 {
				t.Errorf("%d %s", res.Status, res.Body)
			}
		})
	}
	t.Run("created for others", func(t *testing.T) {
		w.must(t, 409, agent, "POST", "/api/notes", `{"thing":2,"text":"x","author":3}`)
		w.must(t, 409, agent, "POST", "/api/things", `{"name":"x","id":77}`)
		w.must(t, 409, agent, "POST", "/api/things", `{"name":"x","created_at":"2020-01-01T00:00:00Z"}`)
		w.must(t, 409, agent, "POST", "/api/things", `{"name":"x","number":7}`)
		w.must(t, 409, agent, "POST", "/api/users", `{"email":"z@x.io","name":"Z","role":"admin"}`)
		w.must(t, 401, nobody, "POST", "/api/auth/register", `{"email":"z@x.io","name":"Z","role":"admin","password":"correct horse"}`)
	})
	t.Run("a new row without its role", func(t *testing.T) {
		if res := w.must(t, 200, agent, "PUT", "/api/users/2", `{"name":"x"}`); !strings.Contains(res.Body, `"role":"`) {
			t.Error(res.Body)
		}
	})
}
