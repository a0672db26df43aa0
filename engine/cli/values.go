package cli

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/mail"
	"github.com/dowel-dev/dowel/engine/redis"
	"github.com/dowel-dev/dowel/storage/blob"
)

// The readers of setting values. Their errors are for people and do not name the setting.

func text(to *string, v string) error {
	if v == "" {
		return errors.New("may not be empty")
	}
	*to = v
	return nil
}

func word(to *string, v string, allowed ...string) error {
	if !slices.Contains(allowed, v) {
		return fmt.Errorf("%q is none of %s%s", v, strings.Join(allowed, ", "), didYouMean(v, allowed))
	}
	*to = v
	return nil
}

func status(to *int, v string) error {
	switch v {
	case "":
		*to = 0
	case "409":
		*to = 409
	case "422":
		*to = 422
	default:
		return fmt.Errorf("%q is neither 409 nor 422", v)
	}
	return nil
}

func positive(to *int, v string) error {
	n, err := strconv.Atoi(strings.ReplaceAll(v, "_", ""))
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a whole number above 0", v)
	}
	*to = n
	return nil
}

// no is yes for a setting that is kept as its opposite.
func no(to *bool, v string) error {
	on := false
	err := yes(&on, v)
	*to = err == nil && !on
	return err
}

func yes(to *bool, v string) error {
	if v != "true" && v != "false" {
		return fmt.Errorf("%q is neither true nor false", v)
	}
	*to = v == "true"
	return nil
}

// frequency reads 50/s, 10/m, 1000/h; off is no bound.
func frequency(to *engine.Quota, v string) error {
	if v == "off" {
		*to = engine.Quota{N: -1, Per: time.Second}
		return nil
	}
	number, unit, _ := strings.Cut(v, "/")
	per, known := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || !known {
		return fmt.Errorf("%q is not a frequency such as 50/s, 10/m or off", v)
	}
	*to = engine.Quota{N: n, Per: per}
	return nil
}

var units = []struct {
	suffix string
	factor int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}}

func size(to *int64, v string) error {
	number, factor := v, int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(v, u.suffix); ok {
			number, factor = strings.TrimSpace(rest), u.factor
			break
		}
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(number, "_", ""), 10, 64)
	if err != nil || n < 1 || n > (1<<62)/factor {
		return fmt.Errorf("%q is not a size such as 1MiB, 500kB or 4096", v)
	}
	*to = n * factor
	return nil
}

func bytesText(n int64) string {
	for _, u := range units[:3] {
		if n%u.factor == 0 {
			return strconv.FormatInt(n/u.factor, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}

// duration reads Go's notation, with days besides: 30s, 1h30m, 7d.
func duration(to *time.Duration, v string) error {
	d, err := time.ParseDuration(v)
	if days, ok := strings.CutSuffix(v, "d"); ok {
		var n int64
		n, err = strconv.ParseInt(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as 30s, 1h30m or 7d", v)
	}
	*to = d
	return nil
}

// shortDuration drops the zeros Go prints: 1m0s is 1m.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// key is the secret of HMAC signatures: RFC 7518 §3.2 wants as many bits as the hash has.
func key(to *string, v string) error {
	if len(v) < 32 {
		return fmt.Errorf("has %d bytes; a signing key needs at least 32 (openssl rand -base64 48)", len(v))
	}
	*to = v
	return nil
}

// keys is key for a list: commas or line breaks between them.
func keys(to *[]string, v string) error {
	*to = nil
	for i, item := range items(v) {
		var one string
		if err := key(&one, item); err != nil {
			return fmt.Errorf("number %d %w", i+1, err)
		}
		*to = append(*to, one)
	}
	return nil
}

// keyFiles reads a list of FILE and ALGORITHM:FILE.
func keyFiles(to *[]string, v string) error {
	*to = nil
	for _, item := range items(v) {
		if alg, file, pinned := strings.Cut(item, ":"); pinned && token.IsAlg(alg) && (file == "" || strings.HasPrefix(alg, "HS")) {
			return fmt.Errorf("%q is no file of keys such as keys/current.pem or PS256:keys/current.pem; secrets belong in auth.secret", item)
		}
		*to = append(*to, item)
	}
	return nil
}

func keySet(to *string, v string) error {
	if err := token.CheckURL(v); err != nil {
		return fmt.Errorf("%q %w", masked(v), err)
	}
	*to = v
	return nil
}

func mailServer(to *string, v string) error {
	if _, err := mail.NewSMTP(v, "nobody@localhost"); err != nil {
		return err
	}
	*to = v
	return nil
}

func mailLink(to *string, v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme == "" || u.Host == "" || !strings.Contains(v, "{token}") {
		return fmt.Errorf("%q is not a URL with {token} in it, such as https://app.example.com/reset?token={token}", v)
	}
	*to = v
	return nil
}

// items are the parts of a list, without those that are empty.
func items(v string) []string {
	var list []string
	for _, item := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == '\n' }) {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

func address(to *string, v string) error {
	host, port, ok := cutLast(v, ":")
	if !ok || strings.Contains(host, "/") {
		return fmt.Errorf("%q is not HOST:PORT, such as 127.0.0.1:8080 or :8080", v)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is not a port (in %q)", port, v)
	}
	*to = v
	return nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func database(to *string, v string) error {
	if storeOf(v) == nil {
		return fmt.Errorf("%q is no database; write %s", masked(v), storeForms())
	}
	*to = v
	return nil
}

// contents reads the address of the content of files.
func contents(to *string, v string) error {
	*to = v
	return blob.Check(v)
}

// copies reads addresses of replicas, with commas between them.
func copies(to *[]string, v string) error {
	*to = nil
	for i, address := range strings.Split(v, ",") {
		if address = strings.TrimSpace(address); address == "" {
			continue
		}
		if kind := storeOf(address); kind == nil || !kind.copies {
			return fmt.Errorf("number %d is no replica; write postgres://USER@HOST/DATABASE, a comma in a password as %%2C", i+1)
		}
		*to = append(*to, address)
	}
	return nil
}

// sharing reads the address of a Redis.
func sharing(to *string, v string) error {
	if redis.Check(v) != nil { // which may say the password
		return errors.New("this is no address of a Redis; write redis://USER:PASSWORD@HOST:6379/0, rediss://… or unix:///PATH")
	}
	*to = v
	return nil
}

// room reads how much may be kept.
func room(to *int64, v string) error {
	switch v {
	case "off", "false":
		*to = -1
		return nil
	case "on", "true":
		*to = 0
		return nil
	}
	if err := size(to, v); err != nil {
		return fmt.Errorf("%w, or off", err)
	}
	return nil
}

// masked hides the password of a URL, also of one that cannot be read.
func masked(v string) string {
	u, err := url.Parse(v)
	switch {
	case err == nil && u.User != nil:
		return u.Redacted()
	case err == nil:
		return v
	}
	scheme, rest, _ := strings.Cut(v, "://")
	_, host, found := cutLast(rest, "@")
	if !found {
		return v
	}
	return scheme + "://xxxxx@" + host
}

// maskedAll is masked for each item of a list.
func maskedAll(v string) string {
	items := strings.Split(v, ",")
	for i := range items {
		items[i] = masked(items[i])
	}
	return strings.Join(items, ",")
}

func mount(to *string, v string) error {
	odd := strings.ContainsAny(v, ";?#% \\") || strings.Contains(v, "//")
	if !strings.HasPrefix(v, "/") || len(v) > 1 && strings.HasSuffix(v, "/") || odd {
		return fmt.Errorf("%q is not a path such as /api", v)
	}
	*to = v
	return nil
}

func origins(to *[]string, v string) error {
	*to = nil
	for _, o := range strings.Split(v, ",") {
		o = strings.TrimSpace(o)
		if o == "" {
			continue
		}
		u, err := url.Parse(o)
		if o != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil) {
			return fmt.Errorf("%q is not an origin such as https://app.example.com", o)
		}
		*to = append(*to, o)
	}
	return nil
}
