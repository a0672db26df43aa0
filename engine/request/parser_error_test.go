package request

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/actions"
)

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name    string
		line    string
		headers []string
		content string
		want    string // a prefix
	}{
		// The path.
		{"another mount", "GET /apix/customers", nil, "", "not-found: There is nothing at this path."},
		{"the mount", "GET /api/", nil, "", "not-found: There is nothing at this path."},
		{"compound", "POST /api;compound", nil, "{}", "action-invalid [/actions]: `actions` is required"},
		{"compound by another method", "PUT /api;compound", nil, "{}", "method-not-allowed: "},
		{"compound with a value", "POST /api;compound=1", nil, "{}", "bad-query [;compound]: `;compound` stands at the mount alone"},
		{"compound in CSV", "POST /api;compound", []string{"Accept: text/csv"}, "{}", "not-acceptable: "},
		{"unknown collection", "GET /api/custmers", nil, "", "not-found: There is no collection `custmers`. (did you mean `customers`?)"},
		{"the class's name", "GET /api/order_item", nil, "", "not-found: There is no collection `order_item`. (did you mean `order-items`?)"},
		{"another case", "GET /api/Customers", nil, "", "not-found: There is no collection `Customers`. (did you mean `customers`?)"},
		{"a collection that is not exposed", "GET /api/secrets", nil, "", "not-found: There is no collection `secrets`."},
		{"a method on what is not there", "BREW /api/secrets", nil, "", "not-found: There is no collection `secrets`."},
		{"an id that cannot be", "GET /api/customers/abc", nil, "", "not-found: There is no such customer."},
		{"an id with a line end", "GET /api/customers/1%0A", nil, "", "bad-path: The path holds a control character."},
		{"half a composite id", "GET /api/ratings/300", nil, "", "not-found: There is no such rating."},
		{"a broken part", "GET /api/ratings/300-a~x", nil, "", "not-found: There is no such rating."},
		{"a slash after an id", "GET /api/customers/7/", nil, "", "not-found: There is nothing at this path: an id is not followed by a slash."},
		{"too many segments", "GET /api/customers/7/orders/1", nil, "", "not-found: The path has too many segments"},
		{"a slash after a member", "GET /api/customers/7/orders/", nil, "", "not-found: The path has too many segments"},
		{"a double slash", "GET /api//customers", nil, "", "not-found: There is nothing at this path."},
		{"an empty id before a member", "GET /api/customers//orders", nil, "", "not-found: There is no such customer."},
		{"unknown member", "GET /api/customers/7/emial", nil, "", "not-found: `customer` has no member `emial`. (did you mean `email`?)"},
		{"history of a class without", "GET /api/customers/7/history", nil, "", "not-found: `customer` has no member `history`."},
		{"restore without soft delete", "POST /api/orders/7/restore", nil, "", "not-found: `order` has no member `restore`."},
		{"a relation that is not nested", "GET /api/order-items/7/order", nil, "", "not-found: `order_item` has no member `order`."},
		{"a relation to what is not exposed", "GET /api/orders/7/secret", nil, "", "not-found: `order` has no member `secret`."},
		{"an item action of a collection", "POST /api/customers/activate", nil, "", "not-found: There is no such customer."},
		{"a collection action of an item", "POST /api/customers/7/clean-up", nil, "", "not-found: `customer` has no member `clean-up`."},
		{"bulk segments that are not", "POST /api/customers/bulk-replace", nil, "[]", "not-found: There is no such customer."},
		{"bulk segments of an item", "POST /api/customers/7/bulk-import", nil, "[]", "not-found: `customer` has no member `bulk-import`."},
		{"bulk segments read", "GET /api/customers/bulk-import", nil, "", "method-not-allowed: `GET` is not offered here: use POST, OPTIONS."},
		{"dot segments", "GET /api/customers/../tags", nil, "", "bad-path: The path holds a dot segment."},
		{"escaped dot segments", "GET /api/customers/%2e%2E", nil, "", "bad-path: The path holds a dot segment."},
		{"NUL", "GET /api/tags/a%00b", nil, "", "bad-path: The path holds a control character."},
		{"bad UTF-8", "GET /api/tags/%ff", nil, "", "bad-path: The path is not UTF-8."},
		{"raw bytes", "GET /api/tags/é", nil, "", "bad-path: The path holds a character that must be percent-encoded."},
		{"a semicolon in an id", "GET /api/tags/a;b", nil, "", "bad-path: A `;` in an id"},
		{"a semicolon after an id", "GET /api/customers/7;with=orders", nil, "", "bad-path: A `;` in an id"},
		{"a semicolon in a member", "GET /api/customers/7/orders;limit=5", nil, "", "bad-path: A `;` in an id"},
		{"empty modifiers", "GET /api/customers;;with=orders", nil, "", "bad-path: A modifier is empty"},
		{"an empty modifier at the end", "GET /api/customers;", nil, "", "bad-path: A modifier is empty"},
		{"a modifier without a name", "GET /api;=x/customers", nil, "", "bad-path: A modifier is empty"},
		{"an unclosed parenthesis", "GET /api/customers;search=a(b;pretty", nil, "", "bad-path: A parenthesis in a modifier is not closed"},
		{"bad UTF-8 in a modifier", "GET /api/customers;search=%ff", nil, "", "bad-path: The path holds a modifier that is not text."},

		// The method.
		{"PUT on a collection", "PUT /api/customers", nil, "{}", "method-not-allowed: `PUT` is not offered here: use GET, HEAD, POST, PATCH, DELETE, OPTIONS."},
		{"POST on an item", "POST /api/customers/7", nil, "{}", "method-not-allowed: `POST` is not offered here: use GET, HEAD, PUT, PATCH, DELETE, OPTIONS."},
		{"TRACE", "TRACE /api/customers/7", nil, "", "method-not-allowed: `TRACE` is not offered here"},
		{"no bulk", "DELETE /api/order-items?id=1", nil, "", "method-not-allowed: `DELETE` is not offered here: use GET, HEAD, POST, OPTIONS."},
		{"PATCH on a property", "PATCH /api/customers/7/email", nil, `"x"`, "method-not-allowed: `PATCH` is not offered here: use GET, HEAD, PUT, DELETE, OPTIONS."},
		{"a relation that may only be read", "POST /api/tags/vip/customers", nil, `{}`, "method-not-allowed: `POST` is not offered here: use GET, HEAD, OPTIONS."},
		{"a to-one relation", "DELETE /api/orders/7/customer", nil, "", "method-not-allowed: `DELETE` is not offered here: use GET, HEAD, OPTIONS."},
		{"GET of an action", "GET /api/customers/7/activate", nil, "", "method-not-allowed: `GET` is not offered here: use POST, OPTIONS."},
		{"POST of an action by GET", "POST /api/customers/stats", nil, "", "method-not-allowed: `POST` is not offered here: use GET, HEAD, OPTIONS."},
		{"an id beside an action", "OPTIONS /api/tags/merge", nil, "", "method-not-allowed: `OPTIONS` is not offered here: use GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS."},

		// The query.
		{"no name", "GET /api/customers?=x", nil, "", "bad-query [=x]: A parameter has no name: write name=value."},
		{"bad escape", "GET /api/customers?name=%zz", nil, "", "bad-query [name]: The value of `name` holds a broken percent escape"},
		{"bad escape in a name", "GET /api/customers?na%zz=1", nil, "", "bad-query [na%zz]: The name of a parameter holds"},
		{"NUL in a value", "GET /api/customers?name=a%00", nil, "", "bad-query [name]:"},
		{"bad UTF-8 in a value", "GET /api/customers?name=%ff", nil, "", "bad-query [name]:"},
		{"several at once", "GET /api/customers?limit=abc&page=0&name=gte:5", nil, "", "bad-query [name] [limit] [page]: Several parameters cannot be read."},
		{"twice", "GET /api/customers?limit=1&limit=2", nil, "", "bad-query [limit]: `limit` is given twice with different values."},
		{"twice by two names", "GET /api/customers?q=a&search=b", nil, "", "bad-query [search]: `search` is given twice with different values."},
		{"modifier and query differ", "GET /api/customers;with=orders?with=tags", nil, "", "bad-query [with]: `with` is given twice with different values."},
		{"unknown modifier", "GET /api/customers;keyByIdz", nil, "", "bad-query [;keyByIdz]: There is no modifier `keyByIdz`; filters go into the query. (did you mean `keyByIds`?)"},
		{"unknown modifier of a write", "DELETE /api/customers;whit=orders/7", nil, "", "bad-query [;whit]: There is no modifier `whit`; filters go into the query. (did you mean `with`?)"},
		{"a filter as a modifier", "GET /api/customers;status=active", nil, "", "bad-query [;status]: There is no modifier `status`"},
		{"compound with more", "POST /api;compound/customers", nil, "{}", "bad-query [;compound]: `;compound` stands at the mount alone"},
		{"a cursor of an item", "GET /api/customers/7?cursor=abc", nil, "", "bad-query [cursor]: `cursor` does not apply to this request."},
		{"a cursor among groups", "GET /api/customers?group=status&cursor=abc", nil, "", "bad-query [cursor]: `cursor` does not apply to groups."},
		{"groups with records", "GET /api/customers?group=status&with=orders&keyByIds", nil, "", "bad-query [with] [keyByIds]: Several"},
		{"groups of an item", "GET /api/customers/7?group=status", nil, "", "bad-query [group]: `group` does not apply to this request."},
		{"groups inside", "GET /api/customers?with=orders(group=status)", nil, "", "bad-query [with]: `with=orders(…)`: `group` does not apply inside an expansion."},
		{"no part of the calendar", "GET /api/customers?group=name:minute", nil, "", "bad-query [group]: `group`: the parts of the calendar are year, quarter, month, week, day, hour; `minute` is none."},
		{"no group", "GET /api/customers?group=status,", nil, "", "bad-query [group]: `group`: a name is missing"},
		{"no measure", "GET /api/customers?measure=median:total", nil, "", "bad-query [measure]: `measure`: there are count, distinct, sum, avg, min, max; `median` is none of them."},
		{"a measure of nothing", "GET /api/customers?measure=sum", nil, "", "bad-query [measure]: `measure`: `sum` needs a field: write sum:FIELD."},
		{"a measure of no name", "GET /api/customers?measure=sum:", nil, "", "bad-query [measure]: `measure`: a name is missing"},
		{"having alone", "GET /api/customers?having.count=gt:5", nil, "", "bad-query [having]: `having` goes with `group` or `measure`."},
		{"having nothing", "GET /api/customers?group=status&having=5", nil, "", "bad-query [having]: `having` names a member of the answer: write having.count=gt:5."},
		{"having without an operator", "GET /api/customers?group=status&having.count=over:5", nil, "", "bad-query [having.count]: `having.count`: `over` is not an operator"},
		{"the old spelling", "GET /api/customers?_with=orders", nil, "", "bad-query [_with]: `_with` is no parameter and no field: a filter is written field=… or relation.field=…. (did you mean `with`?)"},
		{"brackets", "GET /api/customers?filter[status]=x", nil, "", "bad-query [filter[status]]: `filter[status]` is no parameter and no field"},
		{"array brackets", "GET /api/customers?limit[]=x", nil, "", "bad-query [limit[]]: `limit[]` is no parameter and no field: a filter is written field=… or relation.field=…. (did you mean `limit`?)"},
		{"two dots", "GET /api/customers?a..b=x", nil, "", "bad-query [a..b]:"},
		{"a filter without a value", "GET /api/customers?status", nil, "", "bad-query [status]: `status` is a filter and needs a value: write status=…."},
		{"an option without a value", "GET /api/customers?limit", nil, "", "bad-query [limit]: `limit` needs a value: write limit=…."},
		{"an empty option", "GET /api/customers?with=", nil, "", "bad-query [with]: `with` is empty: give it a value or leave it out."},
		{"unknown operator", "GET /api/customers?id=gte:5", nil, "", "bad-query [id]: `id`: `gte` is not an operator: write `ge:`, or to compare with the text itself write `eq:gte:5`."},
		{"a bare colon", "GET /api/customers?created_at=2026-01-01T00:00:00Z", nil, "", "bad-query [created_at]: `created_at`: `2026-01-01T00` is not an operator (eq, ne, lt, le, gt, ge, in, like, is and not): to compare with the text itself write `eq:2026-01-01T00:00:00Z`."},
		{"is something", "GET /api/customers?name=is:empty", nil, "", "bad-query [name]: `name`: `is:` tests for null only"},
		{"an unclosed quote", `GET /api/customers?name=in:"a,b`, nil, "", "bad-query [name]: `name`: a quoted element of `in:` is not closed"},
		{"text limit", "GET /api/customers?limit=abc", nil, "", "bad-query [limit]: `limit` is a number of records, or skip,count: limit=20 or limit=40,20; not `abc`."},
		{"negative limit", "GET /api/customers?limit=-1", nil, "", "bad-query [limit]:"},
		{"half a limit", "GET /api/customers?limit=5,", nil, "", "bad-query [limit]:"},
		{"three limits", "GET /api/customers?limit=1,2,3", nil, "", "bad-query [limit]:"},
		{"fractional limit", "GET /api/customers?limit=1.9", nil, "", "bad-query [limit]:"},
		{"page zero", "GET /api/customers?page=0", nil, "", "bad-query [page]: `page` is a number from 1, not `0`."},
		{"page and skip", "GET /api/customers?page=2&limit=5,5", nil, "", "action-invalid [page]: `page` and the skip of `limit` say two things"},
		{"unknown order word", "GET /api/customers?sort=name;drop", nil, "", "bad-query [sort]: `sort`: `name;drop` is not a name"},
		{"order of a description", "GET /api/customers?orderBy=name+desc", nil, "", "bad-query [orderBy]:"},
		{"empty order key", "GET /api/customers?orderBy=name,", nil, "", "bad-query [orderBy]: `orderBy`: a name is missing"},
		{"unknown direction", "GET /api/customers?sort=name&order=down", nil, "", "bad-query [order]: `order` is asc or desc, not `down`."},
		{"a direction alone", "GET /api/customers?order=desc", nil, "", "bad-query [order]: `order` goes with `sort`"},
		{"two directions", "GET /api/customers?sort=-name&order=asc", nil, "", "bad-query [order]: `sort` has a sign already"},
		{"two orders", "GET /api/customers?sort=name&orderBy=name", nil, "", "bad-query [sort]: `sort` and `orderBy`"},
		{"count", "GET /api/customers?count=yes", nil, "", "bad-query [count]: `count` is one of exact, estimate, none, not `yes`."},
		{"deleted", "GET /api/customers?deleted=true", nil, "", "bad-query [deleted]: `deleted` is one of with, only, not `true`."},
		{"a switch", "GET /api/customers?keyByIds=maybe", nil, "", "bad-query [keyByIds]: `keyByIds` is true or false, not `maybe`."},
		{"a switch as a modifier", "GET /api/customers;pretty=maybe", nil, "", "bad-query [;pretty]: `pretty` is true or false, not `maybe`."},
		{"unknown format", "GET /api/customers?format=xml2", nil, "", "bad-query [format]: `format` is one of json, csv, ndjson, xml, not `xml2`."},
		{"as_mode alone", "GET /api/customers?as_mode=add", nil, "", "bad-query [as_mode]:"},
		{"max_affected", "DELETE /api/customers?max_affected=many", nil, "", "bad-query [max_affected]:"},
		{"fields", "GET /api/customers?fields=id,,name", nil, "", "bad-query [fields]: `fields`: a name is missing"},
		{"a star inside", "GET /api/customers?fields=or*ders", nil, "", "bad-query [fields]:"},
		{"a filter on a record", "GET /api/customers/7?status=active", nil, "", "bad-query [status]: `status` would be a filter, and filters do not apply to this request."},
		{"a limit on a record", "GET /api/customers/7?limit=5", nil, "", "bad-query [limit]: `limit` does not apply to this request."},
		{"a filter on a creation", "POST /api/customers?wiht=orders", nil, "{}", "bad-query [wiht]: `wiht` would be a filter, and filters do not apply to this request. (did you mean `with`?)"},
		{"max_affected on a record", "DELETE /api/customers/7?max_affected=5", nil, "", "bad-query [max_affected]: `max_affected` does not apply"},
		{"dry_run of a read", "GET /api/customers?dry_run", nil, "", "bad-query [dry_run]:"},
		{"a limit on a filtered write", "DELETE /api/customers?status=x&limit=5", nil, "", "bad-query [limit]:"},
		{"an expansion on a filtered write", "PATCH /api/customers?status=x&max_affected=5&with=orders", nil, "{}", "bad-query [with]: `with` does not apply to a filtered write"},
		{"a broken expression", "GET /api/customers?where=status+%3D", nil, "", "bad-query [where]: `where`: "},
		{"a broken expression inside", "GET /api/customers?with=orders(where=(total)", nil, "", "bad-query [with]: `with`: the parentheses after `orders` are not closed"},
		{"another one", "GET /api/customers?with=orders(where=total+%3E)", nil, "", "bad-query [with]: `with=orders(…)`: `where`: "},
		{"unknown input", "GET /api/customers/stats?until=2026-01-01", nil, "", "action-invalid [until]: `stats` has no input `until`."},
		{"wrong input", "GET /api/customers/stats?top=x", nil, "", "action-invalid [top]: `top`: expected a whole number"},
		{"an input twice", "GET /api/customers/stats?top=1&top=2", nil, "", "bad-query [top]: `top` is given twice"},
		{"an empty expansion", "GET /api/customers?with=orders,", nil, "", "bad-query [with]: `with`: a name is missing"},
		{"spaces", "GET /api/customers?with=orders,+tags", nil, "", "bad-query [with]: `with`: ` tags` is not a name"},
		{"unclosed parentheses", "GET /api/customers?with=orders(limit=5", nil, "", "bad-query [with]: `with`: the parentheses after `orders` are not closed"},
		{"empty parentheses", "GET /api/customers?with=orders()", nil, "", "bad-query [with]: `with`: in the parentheses after `orders` an option is not written name=value"},
		{"text after parentheses", "GET /api/customers?with=orders(limit=5)items", nil, "", "bad-query [with]: `with`: `i` is not expected after `orders`"},
		{"an option of no expansion", "GET /api/customers?with=orders(fields=id)", nil, "", "bad-query [with]: `with=orders(…)`: `fields` does not apply inside an expansion. (write fields=orders.NAME beside with)"},
		{"a bad option inside", "GET /api/customers?with=orders(limit=x;status=gte:4)", nil, "", "bad-query [with] [with]: Several"},
		{"two options for one expansion", "GET /api/customers?with=orders(limit=5),orders(limit=6)", nil, "", "bad-query [with]: `with`: `orders` has different options in two places."},
		{"too many expansions", "GET /api/customers?with=" + strings.Repeat("a.", 64) + "a", nil, "", "action-invalid [with]: `with` names more than 64 relations."},

		// Header fields.
		{"If-Match without quotes", "PUT /api/customers/7", []string{"If-Match: abc"}, "{}", "bad-header [If-Match]:"},
		{"If-Match unclosed", "PUT /api/customers/7", []string{`If-Match: "abc`}, "{}", "bad-header [If-Match]:"},
		{"If-Match with a star among tags", "PUT /api/customers/7", []string{`If-Match: "a", *`}, "{}", "bad-header [If-Match]:"},
		{"a star and tags in two lines", "PUT /api/customers/7", []string{`If-Match: *`, `If-Match: "a"`}, "{}", "bad-header [If-Match]:"},
		{"tags without a comma", "PUT /api/customers/7", []string{`If-Match: "a" "b"`}, "{}", "bad-header [If-Match]:"},
		{"a space in a tag", "PUT /api/customers/7", []string{`If-Match: "a b"`}, "{}", "bad-header [If-Match]:"},
		{"empty If-Match", "PUT /api/customers/7", []string{`If-Match: ,`}, "{}", "bad-header [If-Match]:"},
		{"unreadable If-None-Match of a write", "PUT /api/customers/7", []string{`If-None-Match: x`}, "{}", "bad-header [If-None-Match]:"},
		{"empty Idempotency-Key", "POST /api/customers", []string{`Idempotency-Key: ""`}, "{}", "bad-header [Idempotency-Key]:"},
		{"two Idempotency-Keys", "POST /api/customers", []string{`Idempotency-Key: "a"`, `Idempotency-Key: "b"`}, "{}", "bad-header [Idempotency-Key]:"},
		{"a long Idempotency-Key", "POST /api/customers", []string{`Idempotency-Key: ` + strings.Repeat("a", 256)}, "{}", "bad-header [Idempotency-Key]:"},

		// What may be answered.
		{"nothing acceptable", "GET /api/customers", []string{"Accept: text/html, application/xml;q=0.9"}, "", "not-acceptable: Nothing that `Accept` asks for can be produced."},
		{"excluded", "GET /api/customers", []string{"Accept: application/json;q=0, text/csv;q=0.0"}, "", "not-acceptable:"},
		{"a specific exclusion wins", "GET /api/customers", []string{"Accept: */*, application/json;q=0, text/*;q=0"}, "", "not-acceptable:"},
		{"a known format that cannot be made", "GET /api/customers?format=xml", nil, "", "not-acceptable: The format `xml` is not available."},
		{"format excluded by Accept", "GET /api/customers?format=csv", []string{"Accept: application/json"}, "", "not-acceptable: `format=csv` is asked for, but `Accept` excludes text/csv."},

		// Content.
		{"content of GET", "GET /api/customers", nil, "{}", "content-not-allowed: A GET request has no content."},
		{"content of DELETE", "DELETE /api/customers/7", nil, "{}", "content-not-allowed: A DELETE request has no content."},
		{"content of restore", "POST /api/customers/7/restore", nil, `{"a":1}`, "content-not-allowed: This action takes no content."},
		{"no content", "POST /api/customers", nil, "", "content-missing: The request needs content: send application/json or application/x-ndjson or text/csv."},
		{"no type", "POST /api/customers", []string{"Content-Type: "}, "{}", "unsupported-media-type: The content has no `Content-Type`. Send application/json or application/x-ndjson or text/csv."},
		{"another type", "POST /api/customers", []string{"Content-Type: text/plain"}, "{}", "unsupported-media-type: Content of type `text/plain` is not understood here. Send application/json or application/x-ndjson or text/csv."},
		{"a form", "POST /api/customers", []string{"Content-Type: application/x-www-form-urlencoded"}, "a=b", "unsupported-media-type:"},
		{"a relative of JSON", "POST /api/customers", []string{"Content-Type: application/vnd.api+json"}, "{}", "unsupported-media-type:"},
		{"a patch type on POST", "POST /api/customers", []string{"Content-Type: application/merge-patch+json"}, "{}", "unsupported-media-type:"},
		{"JSON patch of a collection", "PATCH /api/customers", []string{"Content-Type: application/json-patch+json"}, "[]", "unsupported-media-type: Content of type `application/json-patch+json` is not understood here. Send application/merge-patch+json or application/json."},
		{"another charset", "POST /api/customers", []string{"Content-Type: application/json; charset=utf-16"}, "{}", "unsupported-media-type: Content is UTF-8"},
		{"two types", "POST /api/customers", []string{"Content-Type: application/json", "Content-Type: text/plain"}, "{}", "unsupported-media-type:"},
		{"a type that cannot be read", "POST /api/customers", []string{"Content-Type: application/json; charset"}, "{}", "unsupported-media-type: The `Content-Type` cannot be read."},
		{"compressed", "POST /api/customers", []string{"Content-Encoding: gzip"}, "{}", "unsupported-media-type: Content must not be compressed"},
		{"too large", "POST /api/customers", nil, `"` + strings.Repeat("x", 1<<20-1) + `"`, "content-too-large: The content is larger than 1048576 bytes."},
		{"no JSON", "POST /api/customers", nil, "{\n  \"a\": tru\n}", "bad-content [/a]: Line 2, column 11: "},
		{"a duplicate", "POST /api/customers", nil, `{"a":1,"a":2}`, "bad-content: Line 1, column 8: The member `a` appears twice."},
		{"only white space", "POST /api/customers", nil, " ", "bad-content: Line 1, column 2: The content is empty"},

		// The first wrong thing answers.
		{"the path before the method", "BREW /api/custmers?limit=x", nil, "", "not-found:"},
		{"the method before the query", "PUT /api/customers?limit=x", nil, "{}", "method-not-allowed:"},
		{"the query before headers", "PUT /api/customers/7?limit=x", []string{"If-Match: x"}, "{}", "bad-query"},
		{"headers before Accept", "PUT /api/customers/7", []string{"If-Match: x", "Accept: image/png"}, "{}", "bad-header"},
		{"Accept before content", "POST /api/customers", []string{"Accept: image/png", "Content-Type: x"}, "{", "not-acceptable"},
		{"the type before the size", "POST /api/customers", []string{"Content-Type: text/plain"}, strings.Repeat("x", 1<<20+1), "unsupported-media-type"},
	}
	p := &Parser{Schema: crm(), Formats: []string{"json", "csv"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := outcome(p, ask(tt.line, tt.headers, tt.content))
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("%.80s\n got %s\nwant %s", tt.line, got, tt.want)
			}
		})
	}
}

func refusal(t *testing.T, p *Parser, r *http.Request) *actions.Error {
	t.Helper()
	_, err := p.Parse(r)
	var e *actions.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *actions.Error", err)
	}
	return e
}

func TestRefusalsSayWhatWouldDo(t *testing.T) {
	p := &Parser{Schema: crm(), Formats: []string{"json", "csv"}}
	t.Run("method", func(t *testing.T) {
		e := refusal(t, p, ask("DELETE /api/customers/7/activate", nil, ""))
		if diff := cmp.Diff([]string{"POST", "OPTIONS"}, e.Allow); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("accept", func(t *testing.T) {
		e := refusal(t, p, ask("GET /api/customers", []string{"Accept: image/png"}, ""))
		if diff := cmp.Diff([]string{"application/json", "text/csv"}, e.Accept); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("media type of a patch", func(t *testing.T) {
		e := refusal(t, p, ask("PATCH /api/customers/7", []string{"Content-Type: text/plain"}, "x"))
		want := []string{"application/merge-patch+json", "application/json-patch+json", "application/json"}
		if diff := cmp.Diff([][]string{want, want}, [][]string{e.Accept, e.Patch}); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("media type of a creation", func(t *testing.T) {
		e := refusal(t, p, ask("POST /api/customers", []string{"Content-Type: text/plain"}, "x"))
		if e.Patch != nil || e.Encoding != nil || !cmp.Equal(e.Accept, []string{"application/json", "application/x-ndjson", "text/csv"}) {
			t.Errorf("%+v", e)
		}
	})
	t.Run("content coding", func(t *testing.T) {
		e := refusal(t, p, ask("POST /api/customers", []string{"Content-Encoding: gzip"}, "x"))
		if e.Accept != nil || !cmp.Equal(e.Encoding, []string{"identity"}) {
			t.Errorf("%+v", e)
		}
	})
	t.Run("place in the content", func(t *testing.T) {
		e := refusal(t, p, ask("POST /api/customers", nil, "{\"a\":\n 1,}"))
		if len(e.Errors) != 1 || e.Errors[0].Line != 2 || e.Errors[0].Column != 3 {
			t.Errorf("%+v", e.Errors)
		}
	})
}

func TestAllow(t *testing.T) {
	p := &Parser{Schema: crm()}
	for line, want := range map[string]string{
		"OPTIONS /api/customers":          "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
		"OPTIONS /api/customers/7":        "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
		"OPTIONS /api/customers/7/email":  "GET, HEAD, PUT, DELETE, OPTIONS",
		"OPTIONS /api/customers/7/orders": "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
		"OPTIONS /api/orders/7/customer":  "GET, HEAD, OPTIONS",
		"OPTIONS /api/customers/7/purge":  "POST, OPTIONS",
		"OPTIONS /api/customers/stats":    "GET, HEAD, OPTIONS",
		"OPTIONS /api/nothing":            "not-found",
	} {
		got, err := p.Allow(ask(line, nil, ""))
		text := strings.Join(got, ", ")
		if err != nil {
			text = string(err.(*actions.Error).Code)
		}
		if text != want {
			t.Errorf("%s: got %s, want %s", line, text, want)
		}
	}
	if got := p.AcceptPatch(ask("OPTIONS /api/customers/7", nil, "")); len(got) != 3 {
		t.Errorf("Accept-Patch of an item: %v", got)
	}
	if got := p.AcceptPatch(ask("OPTIONS /api/customers/7/email", nil, "")); got != nil {
		t.Errorf("Accept-Patch of a property: %v", got)
	}
}

func TestLimits(t *testing.T) {
	p := &Parser{Schema: crm(), Limits: Limits{Target: 100, Body: 10}}
	head := "/api/customers?name="
	for name, tt := range map[string]struct {
		r    *http.Request
		code actions.Code
	}{
		"target at the limit":  {ask("GET "+head+strings.Repeat("x", 100-len(head)), nil, ""), ""},
		"target beyond it":     {ask("GET "+head+strings.Repeat("x", 101-len(head)), nil, ""), actions.TargetTooLong},
		"content at the limit": {ask("POST /api/customers", nil, `{"a":"xy"}`), ""},
		"content beyond it":    {ask("POST /api/customers", nil, `{"a":"xyz"}`), actions.ContentTooLarge},
		"unknown length, at":   {chunked(`{"a":"xy"}`), ""},
		"unknown length, over": {chunked(`{"a":"xyz"}`), actions.ContentTooLarge},
		"unknown length, none": {chunked(``), actions.ContentMissing},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Parse(tt.r)
			var e *actions.Error
			if errors.As(err, &e) != (tt.code != "") || e != nil && e.Code != tt.code {
				t.Errorf("got %v, want %q", err, tt.code)
			}
		})
	}
}

// chunked is a creation whose length is not declared.
func chunked(content string) *http.Request {
	r := ask("POST /api/customers", nil, content)
	r.Header.Set("Content-Type", "application/json")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(content)), -1
	return r
}

func TestContentOfAReadOfUnknownLength(t *testing.T) {
	p := &Parser{Schema: crm()}
	r := ask("GET /api/customers", nil, "")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("")), -1
	if _, err := p.Parse(r); err != nil {
		t.Errorf("an empty chunked body is no content: %v", err)
	}
	r.Body = io.NopCloser(strings.NewReader("x"))
	if e := refusal(t, p, r); e.Code != actions.ContentNotAllowed {
		t.Errorf("got %v", e)
	}
}

// However much is wrong, a refusal stays short and cheap.
func TestHostileTargets(t *testing.T) {
	p := &Parser{Schema: crm()}
	for name, part := range map[string][2]string{
		"broken pairs":        {"/api/customers?", "%&"},
		"unknown names":       {"/api/customers?", "$x=1&"},
		"many filters":        {"/api/customers?", "a=1&"},
		"many modifiers":      {"/api/customers", ";a"},
		"open parentheses":    {"/api/customers", ";a("},
		"nested parentheses":  {"/api/customers?with=a(b=", "("},
		"a long expansion":    {"/api/customers?with=a", ".a"},
		"many expansions":     {"/api/customers?with=a", ",a(b=1)"},
		"bad options in many": {"/api/customers?with=a(limit=x", ";limit=y"},
		"many segments":       {"/api/customers", "/a"},
		"a deep negation":     {"/api/customers?a=", "not:"},
	} {
		t.Run(name, func(t *testing.T) {
			target := part[0] + strings.Repeat(part[1], (16<<10-len(part[0]))/len(part[1]))
			path, query, _ := strings.Cut(target, "?")
			r := ask("GET /", nil, "")
			r.RequestURI = target
			r.URL = &url.URL{Path: path, RawQuery: query}
			started := time.Now()
			_, err := p.Parse(r)
			if took := time.Since(started); took > 100*time.Millisecond {
				t.Errorf("took %v", took)
			}
			var e *actions.Error
			if errors.As(err, &e) && (len(e.Errors) > 100 || len(e.Detail) > 1000) {
				t.Errorf("%d problems, %d bytes of detail", len(e.Errors), len(e.Detail))
			}
		})
	}
}

// Content is read last: a request refused for its path costs no read of the body.
func TestContentIsReadLast(t *testing.T) {
	p := &Parser{Schema: crm()}
	for _, line := range []string{"POST /api/nothing", "PUT /api/customers", "POST /api/customers?limit=x", "POST /api/customers;foo"} {
		r := ask(line, nil, "{}")
		r.Body = io.NopCloser(readerFunc(func([]byte) (int, error) { t.Errorf("%s: the content was read", line); return 0, io.EOF }))
		refusal(t, p, r)
	}
	r := ask("POST /api/customers", []string{"Content-Type: text/plain"}, "{}")
	r.Body = io.NopCloser(readerFunc(func([]byte) (int, error) { t.Error("content of an unknown type was read"); return 0, io.EOF }))
	refusal(t, p, r)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestContentThatBreaksOff(t *testing.T) {
	p := &Parser{Schema: crm()}
	r := ask("POST /api/customers", nil, "{}")
	r.Body = io.NopCloser(readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }))
	e := refusal(t, p, r)
	if e.Code != actions.BadContent || !errors.Is(e, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", e)
	}
}

func TestMounts(t *testing.T) {
	for mount, line := range map[string]string{"/": "/customers/7", "/api/": "/api/customers/7", "/a/b": "/a/b/customers/7", "": "/api/customers/7"} {
		p := &Parser{Schema: crm(), Mount: mount}
		if _, err := p.Parse(ask("GET "+line, nil, "")); err != nil {
			t.Errorf("mount %q: %v", mount, err)
		}
	}
}

// A middleware that strips a prefix changes Path alone.
func TestPathChangedOnTheWay(t *testing.T) {
	p := &Parser{Schema: crm()}
	r := httptest.NewRequest("GET", "/v1/api/tags/a%2Db", nil)
	r.URL = &url.URL{Path: "/api/tags/a-b", RawPath: "/v1/api/tags/a%2Db"}
	if got, want := outcome(p, r), `{"do":"get","class":"tag","id":"a-b"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
