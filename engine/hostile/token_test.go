package hostile_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
)

// secret is what enginetest signs with.
var secret = []byte(strings.Repeat("0123456789abcdef", 2))

func segment(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func signed(with func() hash.Hash, key []byte, header, claims string) string {
	text := segment(header) + "." + segment(claims)
	mac := hmac.New(with, key)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func claimed(claims string) string {
	return signed(sha256.New, secret, `{"alg":"HS256","typ":"JWT"}`, claims)
}

// Tokens that are broken in any way are refused with the challenge, on public
// resources too, and all with one answer.
func TestBrokenTokens(t *testing.T) {
	w := filled(t, false, 1, 1)
	now := noon.Unix()
	good := fmt.Sprintf(`"iss":"dowel","aud":"dowel","sub":"2","iat":%d,"exp":%d`, now, now+600)
	valid := claimed("{" + good + `,"roles":["agent"]}`)
	if res := w.Do(t, "GET", "/api/things", "", "Authorization: Bearer "+valid); res.Status != 200 {
		t.Fatalf("a good token: %d %s", res.Status, res.Body)
	}
	parts := strings.Split(valid, ".")
	long := claimed("{" + good + `,"x":"` + strings.Repeat("x", 8<<10) + `"}`)
	flipped := []byte(parts[2])
	if flipped[0] ^= 1; flipped[0] == '=' {
		flipped[0] = 'A'
	}
	tests := map[string]string{
		"nothing":            "Bearer",
		"blank":              "Bearer  ",
		"one word":           valid,
		"other scheme":       "Token " + valid,
		"basic":              "Basic dTp1",
		"two in one":         "Bearer " + valid + ", Bearer " + valid,
		"two parts":          "Bearer " + parts[0] + "." + parts[1],
		"four parts":         "Bearer " + valid + ".x",
		"no signature":       "Bearer " + parts[0] + "." + parts[1] + ".",
		"other signature":    "Bearer " + parts[0] + "." + parts[1] + "." + string(flipped),
		"padding":            "Bearer " + valid + "=",
		"space inside":       "Bearer " + parts[0] + " ." + parts[1] + "." + parts[2],
		"other claims":       "Bearer " + parts[0] + "." + segment("{"+good+`,"roles":["admin"]}`) + "." + parts[2],
		"none":               "Bearer " + segment(`{"alg":"none"}`) + "." + parts[1] + ".",
		"none, signed":       "Bearer " + signed(sha256.New, secret, `{"alg":"none"}`, "{"+good+"}"),
		"nOnE":               "Bearer " + segment(`{"alg":"nOnE","typ":"JWT"}`) + "." + parts[1] + ".",
		"HS512":              "Bearer " + signed(sha512.New, secret, `{"alg":"HS512"}`, "{"+good+"}"),
		"RS256":              "Bearer " + signed(sha256.New, secret, `{"alg":"RS256"}`, "{"+good+"}"),
		"no algorithm":       "Bearer " + signed(sha256.New, secret, `{}`, "{"+good+"}"),
		"crit":               "Bearer " + signed(sha256.New, secret, `{"alg":"HS256","crit":["x"]}`, "{"+good+"}"),
		"zip":                "Bearer " + signed(sha256.New, secret, `{"alg":"HS256","zip":"DEF"}`, "{"+good+"}"),
		"other type":         "Bearer " + signed(sha256.New, secret, `{"alg":"HS256","typ":"refresh"}`, "{"+good+"}"),
		"other key":          "Bearer " + signed(sha256.New, []byte(strings.Repeat("x", 32)), `{"alg":"HS256"}`, "{"+good+"}"),
		"empty key":          "Bearer " + signed(sha256.New, nil, `{"alg":"HS256"}`, "{"+good+"}"),
		"a key of its own":   "Bearer " + signed(sha256.New, []byte("k"), `{"alg":"HS256","jwk":{"kty":"oct","k":"aw"}}`, "{"+good+"}"),
		"claims are a list":  "Bearer " + claimed(`[1]`),
		"claims are nothing": "Bearer " + claimed(``),
		"claims twice":       "Bearer " + claimed("{"+good+`,"sub":"5"}`),
		"no subject":         "Bearer " + claimed(strings.Replace("{"+good+"}", `"sub":"2",`, "", 1)),
		"empty subject":      "Bearer " + claimed(strings.Replace("{"+good+"}", `"sub":"2"`, `"sub":""`, 1)),
		"number as subject":  "Bearer " + claimed(strings.Replace("{"+good+"}", `"sub":"2"`, `"sub":2`, 1)),
		"NUL in the subject": "Bearer " + claimed(strings.Replace("{"+good+"}", `"sub":"2"`, `"sub":"2\u0000"`, 1)),
		"no expiry":          "Bearer " + claimed(`{"iss":"dowel","aud":"dowel","sub":"2"}`),
		"expired":            "Bearer " + claimed(fmt.Sprintf(`{"iss":"dowel","aud":"dowel","sub":"2","iat":%d,"exp":%d}`, now-9, now)),
		"expiry is a text":   "Bearer " + claimed(`{"iss":"dowel","aud":"dowel","sub":"2","exp":"9999999999"}`),
		"expiry is huge":     "Bearer " + claimed(`{"iss":"dowel","aud":"dowel","sub":"2","exp":1e300}`),
		"expiry is negative": "Bearer " + claimed(`{"iss":"dowel","aud":"dowel","sub":"2","exp":-1}`),
		"expiry is 0":        "Bearer " + claimed(`{"iss":"dowel","aud":"dowel","sub":"2","exp":0}`),
		"not yet":            "Bearer " + claimed(fmt.Sprintf(`{%s,"nbf":%d}`, good, now+300)),
		"from the future":    "Bearer " + claimed(fmt.Sprintf(`{"iss":"dowel","aud":"dowel","sub":"2","iat":%d,"exp":%d}`, now+300, now+600)),
		"other issuer":       "Bearer " + claimed(strings.Replace("{"+good+"}", `"iss":"dowel"`, `"iss":"other"`, 1)),
		"no issuer":          "Bearer " + claimed(strings.Replace("{"+good+"}", `"iss":"dowel",`, "", 1)),
		"other audience":     "Bearer " + claimed(strings.Replace("{"+good+"}", `"aud":"dowel"`, `"aud":["other"]`, 1)),
		"no audience":        "Bearer " + claimed(strings.Replace("{"+good+"}", `"aud":"dowel",`, "", 1)),
		"unknown session":    "Bearer " + claimed("{"+good+`,"sid":"3f2f1f4e-8f0a-4e0e-9d0a-0123456789ab"}`),
		"session, no uuid":   "Bearer " + claimed("{"+good+`,"sid":"' or 1=1"}`),
		"roles are numbers":  "Bearer " + claimed("{"+good+`,"roles":[1]}`),
		"too long":           "Bearer " + long,
		"dots":               "Bearer " + strings.Repeat(".", 8000),
		"NUL":                "Bearer \x00",
		"bytes":              "Bearer \xff\xfe.\xff.\xff",
	}
	for name, value := range tests {
		for _, target := range []string{"/api/things", "/api/tags", "/api/nothing", "/api/auth/me"} {
			res := w.Do(t, "GET", target, "", "Authorization: "+value, "X-Request-Id: 0123456789abcdef")
			challenge := res.Header.Get("Www-Authenticate")
			if res.Status != 401 || !strings.Contains(challenge, "Bearer") || !strings.Contains(challenge, `error="invalid_token"`) || !strings.Contains(res.Body, `"invalid-token"`) || res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s at %s: %d %s %s", name, target, res.Status, challenge, res.Body)
			}
		}
		if res := w.Do(t, "GET", "/api/tags", "", "Authorization: "+value, "X-Request-Id: 0123456789abcdef"); strings.Contains(res.Body, "signature") || strings.Contains(res.Body, "claim") {
			t.Errorf("%s: says why: %s", name, res.Body)
		}
	}
	if res := w.Do(t, "GET", "/api/tags", "", "Authorization: Bearer "+valid, "Authorization: Bearer "+valid); res.Status != 401 {
		t.Errorf("sent twice: %d", res.Status)
	}
	if res := w.Do(t, "GET", "/api/things", ""); res.Status != 401 || strings.Contains(res.Header.Get("Www-Authenticate"), "error=") {
		t.Errorf("none at all: %d %s", res.Status, res.Header.Get("Www-Authenticate"))
	}
	if bad := w.log.alarm(); bad != "" {
		t.Error(bad)
	}
}

// Names of roles are no roles, whoever bears them.
func TestNamesAreNoRoles(t *testing.T) {
	w := filled(t, false, 1, 1)
	for _, id := range []string{"admin", "role:admin", "*", "r:admin", "system", "anyone", " ", "2 ", "admin\u200b", "0", "-1", "02"} {
		for _, roles := range [][]string{nil, {""}, {"Admin"}, {"admin "}, {" admin"}, {"*"}, {"system"}, {"self"}, {"owner"}, {"anyone,admin"}, {"user:5"}, {"аdmin"}} {
			auth := "Authorization: " + w.Bearer(t, id, roles...)
			for target, want := range map[string]int{"/api/plates": 403, "/api/boxes": 403} {
				if res := w.Do(t, "GET", target, "", auth); res.Status != want {
					t.Errorf("%q with %q at %s: %d, want %d: %.200s", id, roles, target, res.Status, want, res.Body)
				}
			}
			if res := w.Do(t, "PATCH", "/api/users/2", `{"name":"x"}`, auth); res.Status < 400 && id != "02" && id != "2 " {
				t.Errorf("%q with %q: %d", id, roles, res.Status)
			}
		}
	}
}

type login struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func loggedIn(t *testing.T, app *enginetest.App, email, password string) login {
	t.Helper()
	res := app.Do(t, "POST", "/api/auth/login", fmt.Sprintf(`{"email":%q,"password":%q}`, email, password))
	var l login
	if err := json.Unmarshal([]byte(res.Body), &l); err != nil || res.Status != 200 || l.Access == "" || l.Refresh == "" {
		t.Fatalf("login: %d %s", res.Status, res.Body)
	}
	return l
}

func withAccount(t *testing.T, s engine.Settings) *world {
	w := opened(t, everything(), true, s)
	w.Make(t, "user", `[{"email":"ann@x.io","name":"Ann","password":"correct horse","role":"agent"},{"email":"bob@x.io","name":"Bob","role":"admin"}]`)
	return w
}

// A refresh token works once; whoever uses it again ends the session for all.
func TestRefreshTokensAreUsedOnce(t *testing.T) {
	w := withAccount(t, engine.Settings{})
	l := loggedIn(t, w.App, "ann@x.io", "correct horse")
	refresh := func(token string) (int, login) {
		res := w.Do(t, "POST", "/api/auth/refresh", fmt.Sprintf(`{"refresh_token":%q}`, token))
		var next login
		_ = json.Unmarshal([]byte(res.Body), &next)
		return res.Status, next
	}
	me := func(access string) int {
		return w.Do(t, "GET", "/api/auth/me", "", "Authorization: Bearer "+access).Status
	}
	if status, _ := refresh(l.Access); status != 401 {
		t.Errorf("an access token refreshes: %d", status)
	}
	if status := me(l.Refresh); status != 401 {
		t.Errorf("a refresh token gives access: %d", status)
	}
	status, next := refresh(l.Refresh)
	if status != 200 || me(next.Access) != 200 {
		t.Fatalf("refresh: %d", status)
	}
	if status, _ := refresh(l.Refresh); status != 401 {
		t.Errorf("used twice: %d", status)
	}
	if status, _ := refresh(next.Refresh); status != 401 {
		t.Errorf("the family lives on: %d", status)
	}
	if me(next.Access) != 401 || me(l.Access) != 401 {
		t.Error("access lives on after a token was used twice")
	}
	for _, bad := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 100_000), "' or 1=1 --", "\u0000"} {
		b, _ := json.Marshal(map[string]string{"refresh_token": bad})
		if res := w.Do(t, "POST", "/api/auth/refresh", string(b)); res.Status != 401 && res.Status != 400 {
			t.Errorf("%.20q: %d %s", bad, res.Status, res.Body)
		}
	}
}

// A session ends with what it rests on: the password, the role, the user.
func TestSessionsEnd(t *testing.T) {
	w := withAccount(t, engine.Settings{})
	ask := func(access, target string) int {
		return w.Do(t, "GET", target, "", "Authorization: Bearer "+access).Status
	}
	l := loggedIn(t, w.App, "ann@x.io", "correct horse")
	if got := ask(l.Access, "/api/boxes"); got != 200 {
		t.Fatalf("%d", got)
	}
	other := loggedIn(t, w.App, "ann@x.io", "correct horse")
	if res := w.Do(t, "PATCH", "/api/users/1?dry_run=true", `{"password":"another horse"}`, "Authorization: Bearer "+l.Access); res.Status != 200 || ask(other.Access, "/api/boxes") != 200 {
		t.Errorf("a dry run ends sessions: %d", res.Status)
	}
	res := w.Do(t, "PATCH", "/api/users/1", `{"password":"another horse"}`, "Authorization: Bearer "+l.Access)
	if res.Status != 200 {
		t.Fatalf("%d %s", res.Status, res.Body)
	}
	if res := w.Do(t, "POST", "/api/auth/login", `{"email":"ann@x.io","password":"correct horse"}`); res.Status != 401 {
		t.Errorf("the old password: %d", res.Status)
	}
	if res := w.Do(t, "POST", "/api/auth/refresh", fmt.Sprintf(`{"refresh_token":%q}`, other.Refresh)); res.Status != 401 || ask(other.Access, "/api/boxes") != 401 {
		t.Errorf("a session outlives the password it was opened with: %d", res.Status)
	}
	if ask(l.Access, "/api/boxes") != 200 {
		t.Error("whoever changes the password is out")
	}
	m := loggedIn(t, w.App, "ann@x.io", "another horse")
	w.must(t, 204, admin, "DELETE", "/api/users/1", "")
	if got := ask(m.Access, "/api/boxes"); got != 401 {
		t.Errorf("the user is gone: %d", got)
	}
}

// Who guesses passwords is slowed down, whatever name or spelling is tried, and
// learns nothing of who is there.
func TestGuessingPasswords(t *testing.T) {
	w := withAccount(t, engine.Settings{Rate: engine.Rate{Loopback: true, Login: engine.Quota{N: 5, Per: time.Minute}, Anonymous: engine.Quota{N: -1}}})
	try := func(email, from string) (int, string) {
		r, _ := http.NewRequest("POST", "http://app.test/api/auth/login", strings.NewReader(fmt.Sprintf(`{"email":%q,"password":"wrong horse"}`, email)))
		r.RequestURI, r.RemoteAddr = "/api/auth/login", from
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Request-Id", "0123456789abcdef")
		r.Header.Set("X-Forwarded-For", from)
		return w.answer(r)
	}
	status, known := try("ann@x.io", "198.51.100.1:1")
	_, unknown := try("nobody@x.io", "198.51.100.2:1")
	_, without := try("bob@x.io", "198.51.100.3:1")
	if status != 401 || known != unknown || known != without {
		t.Errorf("answers differ:\n%s\n%s\n%s", known, unknown, without)
	}
	refused := 0
	for i := range 30 {
		name := []string{"ann@x.io", "ANN@x.io", " ann@x.io", "Ann@X.io "}[i%4]
		if status, _ := try(name, fmt.Sprintf("203.0.113.%d:1", i)); status == 429 {
			refused++
		}
	}
	if refused < 25 {
		t.Errorf("one account, many addresses: %d of 30 refused", refused)
	}
	refused = 0
	for i := range 30 {
		if status, _ := try(fmt.Sprintf("u%d@x.io", i), "192.0.2.7:1"); status == 429 {
			refused++
		}
	}
	if refused < 25 {
		t.Errorf("one address, many accounts: %d of 30 refused", refused)
	}
}
