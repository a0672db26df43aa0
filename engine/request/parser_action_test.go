package request

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/actions"
)

// ask makes a request as a server would see it: "POST /api/tags", then "Name: value" lines, then content.
func ask(line string, headers []string, content string) *http.Request {
	method, target, _ := strings.Cut(line, " ")
	var r *http.Request
	if u, err := url.ParseRequestURI(target); err == nil {
		r = httptest.NewRequest(method, "/", strings.NewReader(content))
		r.URL, r.RequestURI = u, target
	} else {
		panic(target + ": " + err.Error())
	}
	if content == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Content-Type" {
			r.Header.Del(name)
		}
		if value != "" {
			r.Header.Add(name, value)
		}
	}
	return r
}

// outcome is what a parser made of a request: the action as JSON, or the code and what it is about.
func outcome(p *Parser, r *http.Request) string {
	a, err := p.Parse(r)
	if err != nil {
		return problemText(err.(*actions.Error))
	}
	text, err := actions.Encode(a)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// problemText is "code [place…]: detail (hint)".
func problemText(e *actions.Error) string {
	var b strings.Builder
	b.WriteString(string(e.Code))
	for _, p := range e.Errors {
		for _, at := range []string{p.Parameter, p.Pointer, p.Header} {
			if at != "" {
				b.WriteString(" [" + at + "]")
			}
		}
		if p.Modifier != "" {
			b.WriteString(" [;" + p.Modifier + "]")
		}
	}
	b.WriteString(": " + e.Detail)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

func TestParseMakesActions(t *testing.T) {
	tests := []struct {
		name    string
		line    string
		headers []string
		content string
		want    string
	}{
		{"an item", "GET /api/customers/7", nil, "",
			`{"do":"get","class":"customer","id":"7"}`},
		{"HEAD is GET", "HEAD /api/customers/7", nil, "",
			`{"do":"get","class":"customer","id":"7"}`},
		{"id zero is an id", "GET /api/customers/0", nil, "",
			`{"do":"get","class":"customer","id":"0"}`},
		{"a collection", "GET /api/customers", nil, "",
			`{"do":"search","class":"customer"}`},
		{"a collection with a slash", "GET /api/customers/", nil, "",
			`{"do":"search","class":"customer"}`},
		{"a collection of two words", "GET /api/order-items", nil, "",
			`{"do":"search","class":"order_item"}`},
		{"an escaped letter", "GET /api/c%75stomers/7", nil, "",
			`{"do":"get","class":"customer","id":"7"}`},
		{"a composite id", "GET /api/ratings/300-a~db", nil, "",
			`{"do":"get","class":"rating","id":"300-a~db"}`},
		{"an import", "POST /api/customers/bulk-import?on_conflict=skip&mode=partial&dry_run", nil, `[{"name": "Ada"}]`,
			`{"do":"bulk-import","class":"customer","content":[{"name":"Ada"}],"on_conflict":"skip","mode":"partial","dry_run":true}`},
		{"an import of CSV", "POST /api/customers/bulk-import", []string{"Content-Type: text/csv"}, "name\nAda\n",
			`{"do":"bulk-import","class":"customer","content":[{"name":"Ada"}]}`},
		{"an update of many", "POST /api/customers/bulk-update", nil, `{"ids":[1],"set":{}}`,
			`{"do":"bulk-update","class":"customer","content":{"ids":[1],"set":{}}}`},
		{"a deletion of many", "POST /api/customers/bulk-delete", nil, `{"ids":[1]}`,
			`{"do":"bulk-delete","class":"customer","content":{"ids":[1]}}`},
		{"a record called like one", "GET /api/tags/bulk-import", nil, "",
			`{"do":"get","class":"tag","id":"bulk-import"}`},
		{"words of an import elsewhere", "GET /api/customers?mode=fast", nil, "",
			`{"do":"search","class":"customer","filter":[{"path":"mode","op":"eq","args":["fast"]}]}`},
		{"a negative part", "GET /api/ratings/-300-x", nil, "",
			`{"do":"get","class":"rating","id":"-300-x"}`},
		{"a property", "GET /api/customers/7/email", nil, "",
			`{"do":"get","class":"customer","id":"7","property":"email"}`},
		{"a property by its declared name", "GET /api/ratings/3-x/author", nil, "",
			`{"do":"get","class":"rating","id":"3-x","property":"author"}`},
		{"a reference's id", "GET /api/orders/7/customer_id", nil, "",
			`{"do":"get","class":"order","id":"7","property":"customer_id"}`},
		{"a related collection", "GET /api/customers/7/orders?status=eq:placed&limit=5", nil, "",
			`{"do":"search","class":"order","parent":{"class":"customer","id":"7","relation":"orders"},"filter":[{"path":"status","op":"eq","args":["placed"]}],"limit":5}`},
		{"a related record", "GET /api/orders/7/customer?fields=name", nil, "",
			`{"do":"related","class":"customer","parent":{"class":"order","id":"7","relation":"customer"},"fields":["name"]}`},
		{"linked records", "GET /api/customers/7/tags", nil, "",
			`{"do":"search","class":"tag","parent":{"class":"customer","id":"7","relation":"tags"}}`},

		{"everything about a list", "GET /api/customers?status=eq:active&name=like:a*&name=not:is:null&orders.total=gt:10&orderBy=-created_at,name&limit=40,20&count=exact&with=orders,orders.items&fields=id,name,orders.total&search=ada&scope=active,vip&deleted=with", nil, "",
			`{"do":"search","class":"customer","filter":[{"path":"status","op":"eq","args":["active"]},{"path":"name","op":"like","args":["a*"]},{"path":"name","not":true,"op":"is","args":["null"]},{"path":"orders.total","op":"gt","args":["10"]}],` +
				`"scopes":["active","vip"],"search":"ada","order":[{"by":"created_at","desc":true},{"by":"name"}],"skip":40,"limit":20,"count":"exact",` +
				`"fields":["id","name","orders.total"],"with":[{"relation":"orders","with":[{"relation":"items"}]}],"deleted":"with"}`},
		{"groups", "GET /api/customers/7/orders?group=status,created_at:month&measure=count,sum:total,max:customer.name&having.count=gt:5&having.total_sum=not:is:null&orderBy=-total_sum&total=gt:0&limit=3&deleted=with", nil, "",
			`{"do":"aggregate","class":"order","parent":{"class":"customer","id":"7","relation":"orders"},"filter":[{"path":"total","op":"gt","args":["0"]}],"order":[{"by":"total_sum","desc":true}],"limit":3,` +
				`"group":[{"by":"status"},{"by":"created_at","part":"month"}],"measure":[{"func":"count"},{"func":"sum","of":"total"},{"func":"max","of":"customer.name"}],` +
				`"having":[{"path":"count","op":"gt","args":["5"]},{"path":"total_sum","not":true,"op":"is","args":["null"]}],"deleted":"with"}`},
		{"a cursor", "GET /api/customers?orderBy=name&cursor=abc_-&limit=3", nil, "",
			`{"do":"search","class":"customer","order":[{"by":"name"}],"limit":3,"cursor":"abc_-"}`},
		{"modifiers", "GET /api;format=json/customers;with=orders;fields=id,name;orderBy=-name;keyByIds", nil, "",
			`{"do":"search","class":"customer","order":[{"by":"name","desc":true}],"fields":["id","name"],"with":[{"relation":"orders"}],"output":{"key_by_ids":true}}`},
		{"modifiers before an id", "GET /api/customers;with=orders/7", nil, "",
			`{"do":"get","class":"customer","id":"7","with":[{"relation":"orders"}]}`},
		{"a modifier and its query spelling agree", "GET /api/customers;with=orders?with=orders", nil, "",
			`{"do":"search","class":"customer","with":[{"relation":"orders"}]}`},
		{"a modifier with options", "GET /api/customers;with=orders(status=eq:placed;limit=5);pretty", nil, "",
			`{"do":"search","class":"customer","with":[{"relation":"orders","filter":[{"path":"status","op":"eq","args":["placed"]}],"limit":5}],"output":{"pretty":true}}`},
		{"a plus in a modifier is a plus", "GET /api/customers;orderBy=+name", nil, "",
			`{"do":"search","class":"customer","order":[{"by":"name"}]}`},
		{"escapes in a modifier", "GET /api/customers;search=a%3Bb%2Fc", nil, "",
			`{"do":"search","class":"customer","search":"a;b/c"}`},
		{"a semicolon in the query is data", "GET /api/customers?name=eq:a;b", nil, "",
			`{"do":"search","class":"customer","filter":[{"path":"name","op":"eq","args":["a;b"]}]}`},
		{"plus is a space", "GET /api/customers?name=Ada+Lovelace&search=a%2Bb", nil, "",
			`{"do":"search","class":"customer","filter":[{"path":"name","op":"eq","args":["Ada Lovelace"]}],"search":"a+b"}`},
		{"empty pairs are skipped", "GET /api/customers?&&name=x&", nil, "",
			`{"do":"search","class":"customer","filter":[{"path":"name","op":"eq","args":["x"]}]}`},
		{"an empty operand is the empty text", "GET /api/customers?name=", nil, "",
			`{"do":"search","class":"customer","filter":[{"path":"name","op":"eq","args":[""]}]}`},
		{"a field called like a reserved word", "GET /api/customers?.limit=gt:5&limit=10", nil, "",
			`{"do":"search","class":"customer","filter":[{"path":"limit","op":"gt","args":["5"]}],"limit":10}`},
		{"the same option twice alike", "GET /api/customers?limit=5&limit=5&q=x&search=x", nil, "",
			`{"do":"search","class":"customer","search":"x","limit":5}`},
		{"raw UTF-8 in the query", "GET /api/customers?name=Zoë", nil, "",
			`{"do":"search","class":"customer","filter":[{"path":"name","op":"eq","args":["Zoë"]}]}`},
		{"signs of an order", "GET /api/customers?orderBy=+id,%2Bname,-email", nil, "",
			`{"do":"search","class":"customer","order":[{"by":"id"},{"by":"name"},{"by":"email","desc":true}]}`},
		{"sort and order", "GET /api/customers?sort=created_at&order=DESC", nil, "",
			`{"do":"search","class":"customer","order":[{"by":"created_at","desc":true}]}`},
		{"sort alone", "GET /api/customers?sort=-created_at", nil, "",
			`{"do":"search","class":"customer","order":[{"by":"created_at","desc":true}]}`},
		{"an order for each key", "GET /api/customers?sort=a,b&order=desc,asc", nil, "",
			`{"do":"search","class":"customer","order":[{"by":"a","desc":true},{"by":"b"}]}`},
		{"an empty page", "GET /api/customers?limit=0&page=3", nil, "",
			`{"do":"search","class":"customer","limit":0,"page":3}`},
		{"a number beyond every limit", "GET /api/customers?limit=99999999999999999999", nil, "",
			`{"do":"search","class":"customer","limit":2147483647}`},
		{"in", "GET /api/customers?id=in:1,2&name=in:\"a,b\",c&status=in:", nil, "",
			`{"do":"search","class":"customer","filter":[{"path":"id","op":"in","args":["1","2"]},{"path":"name","op":"in","args":["a,b","c"]},{"path":"status","op":"in"}]}`},
		{"switches", "GET /api/customers?envelope=false&pretty&groupedByClass=1&explain=on&as=4&as_mode=add", nil, "",
			`{"do":"search","class":"customer","as":"4","as_mode":"add","explain":true,"output":{"envelope":false,"pretty":true,"grouped_by_class":true}}`},
		{"all shown members and some", "GET /api/customers/7?fields=*,orders_count,orders.*", nil, "",
			`{"do":"get","class":"customer","id":"7","fields":["*","orders_count","orders.*"]}`},
		{"where", "GET /api/customers?where=status+%3D+'active'", nil, "",
			`{"do":"search","class":"customer","where":"status = 'active'"}`},

		{"expansion with options", "GET /api/customers?with=orders(status=eq:placed;orderBy=-total;limit=5),tags", nil, "",
			`{"do":"search","class":"customer","with":[{"relation":"orders","filter":[{"path":"status","op":"eq","args":["placed"]}],"order":[{"by":"total","desc":true}],"limit":5},{"relation":"tags"}]}`},
		{"expansions combine", "GET /api/customers?with=orders.items,orders(limit=2),orders.customer", nil, "",
			`{"do":"search","class":"customer","with":[{"relation":"orders","limit":2,"with":[{"relation":"items"},{"relation":"customer"}]}]}`},
		{"quotes and parentheses inside an expansion", `GET /api/customers?with=orders(number=in:"a;b","c)d";where=total+%3E+1+and+(vip+or+number+%3D+'x)')),tags`, nil, "",
			`{"do":"search","class":"customer","with":[{"relation":"orders","filter":[{"path":"number","op":"in","args":["a;b","c)d"]}],"where":"total > 1 and (vip or number = 'x)')"},{"relation":"tags"}]}`},

		{"create", "POST /api/customers", nil, ` {"name": "Ada"} `,
			`{"do":"create","class":"customer","content":{"name":"Ada"}}`},
		{"create several", "POST /api/customers?dry_run=true", nil, `[{"name":"Ada"},{"name":"Bob"}]`,
			`{"do":"create","class":"customer","content":[{"name":"Ada"},{"name":"Bob"}],"dry_run":true}`},
		{"create below a parent", "POST /api/customers/7/orders?with=items", nil, `{"number":"x"}`,
			`{"do":"create","class":"order","parent":{"class":"customer","id":"7","relation":"orders"},"content":{"number":"x"},"with":[{"relation":"items"}]}`},
		{"replace", "PUT /api/customers/7", []string{`If-Match: "1.x"`}, `{"name":"Ada"}`,
			`{"do":"replace","class":"customer","id":"7","content":{"name":"Ada"},"if":{"match":["1.x"],"has_match":true}}`},
		{"replace a property", "PUT /api/customers/7/email", nil, `"a@x.io"`,
			`{"do":"patch","class":"customer","id":"7","property":"email","content":"a@x.io"}`},
		{"clear a property", "DELETE /api/customers/7/email", nil, "",
			`{"do":"patch","class":"customer","id":"7","property":"email","content":null,"output":{"minimal":true}}`},
		{"merge patch", "PATCH /api/customers/7", []string{"Content-Type: application/merge-patch+json"}, `{"name":null}`,
			`{"do":"patch","class":"customer","id":"7","content":{"name":null}}`},
		{"plain patch", "PATCH /api/customers/7", nil, `{"name":"x"}`,
			`{"do":"patch","class":"customer","id":"7","content":{"name":"x"}}`},
		{"JSON patch", "PATCH /api/customers/7", []string{"Content-Type: application/json-patch+json; charset=UTF-8"}, `[{"op":"test"}]`,
			`{"do":"patch","class":"customer","id":"7","json_patch":true,"content":[{"op":"test"}]}`},
		{"a filter on an item guards the write", "PATCH /api/customers/7?status=eq:pending", nil, `{}`,
			`{"do":"patch","class":"customer","id":"7","content":{},"filter":[{"path":"status","op":"eq","args":["pending"]}]}`},
		{"patch each", "PATCH /api/customers", nil, `{"7":{"name":"x"}}`,
			`{"do":"patch-each","class":"customer","content":{"7":{"name":"x"}}}`},
		{"patch where", "PATCH /api/customers?status=eq:pending&max_affected=50", nil, `{"status":"active"}`,
			`{"do":"patch-where","class":"customer","content":{"status":"active"},"filter":[{"path":"status","op":"eq","args":["pending"]}],"max_affected":50}`},
		{"patch where without a filter", "PATCH /api/customers?max_affected=50", nil, `{}`,
			`{"do":"patch-where","class":"customer","content":{},"max_affected":50}`},
		{"patch below a parent", "PATCH /api/customers/7/orders?status=eq:draft&max_affected=5", nil, `{}`,
			`{"do":"patch-where","class":"order","parent":{"class":"customer","id":"7","relation":"orders"},"content":{},"filter":[{"path":"status","op":"eq","args":["draft"]}],"max_affected":5}`},
		{"delete", "DELETE /api/customers/7", []string{"Content-Type: text/plain"}, "",
			`{"do":"delete","class":"customer","id":"7"}`},
		{"delete with the view of its tag", "DELETE /api/customers;with=orders/7", []string{`If-Match: "1.x"`}, "",
			`{"do":"delete","class":"customer","id":"7","with":[{"relation":"orders"}],"if":{"match":["1.x"],"has_match":true}}`},
		{"delete where", "DELETE /api/customers?where=id+%3E+5&max_affected=0", nil, "",
			`{"do":"delete-where","class":"customer","where":"id > 5","max_affected":0}`},
		{"delete without a filter is refused later", "DELETE /api/customers", nil, "",
			`{"do":"delete-where","class":"customer"}`},
		{"restore", "POST /api/customers/7/restore", nil, "",
			`{"do":"restore","class":"customer","id":"7"}`},
		{"restore with an empty object", "POST /api/customers/7/restore", nil, " { } ",
			`{"do":"restore","class":"customer","id":"7"}`},
		{"purge", "POST /api/customers/7/purge", nil, "",
			`{"do":"purge","class":"customer","id":"7"}`},
		{"an action", "POST /api/customers/7/activate", nil, "",
			`{"do":"run","class":"customer","id":"7","action":"activate"}`},
		{"an action with input", "POST /api/customers/7/activate", nil, `{"reason":"x"}`,
			`{"do":"run","class":"customer","id":"7","action":"activate","content":{"reason":"x"}}`},
		{"an action of the collection", "POST /api/customers/clean-up", nil, "",
			`{"do":"run","class":"customer","action":"clean_up"}`},
		{"an action by GET", "GET /api/customers/stats?since=2026-01-02&top=3&pretty", nil, "",
			`{"do":"run","class":"customer","action":"stats","content":{"since":"2026-01-02","top":3},"output":{"pretty":true}}`},
		{"an item called like an action", "GET /api/tags/merge", nil, "",
			`{"do":"get","class":"tag","id":"merge"}`},
		{"an item action by GET", "GET /api/tags/vip/report", nil, "",
			`{"do":"run","class":"tag","id":"vip","action":"report"}`},

		{"preconditions of a read", "GET /api/customers/7", []string{`If-None-Match: "1.a", W/"2.b-gz"`, "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"}, "",
			`{"do":"get","class":"customer","id":"7","if":{"none_match":["1.a","2.b"],"has_none_match":true}}`},
		{"dates", "GET /api/customers/7", []string{"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", "If-Unmodified-Since: Sunday, 06-Nov-94 08:49:37 GMT"}, "",
			`{"do":"get","class":"customer","id":"7","if":{"unmodified_since":784111777,"modified_since":784111777,"has_unmodified_since":true,"has_modified_since":true}}`},
		{"unreadable dates are ignored", "GET /api/customers/7", []string{"If-Modified-Since: yesterday", "If-Unmodified-Since: now"}, "",
			`{"do":"get","class":"customer","id":"7"}`},
		{"an unreadable If-None-Match of a read is ignored", "GET /api/customers/7", []string{"If-None-Match: abc"}, "",
			`{"do":"get","class":"customer","id":"7"}`},
		{"several lines are one list", "PUT /api/customers/7", []string{`If-Match: "a"`, `If-Match: "b", W/"c"`}, "{}",
			`{"do":"replace","class":"customer","id":"7","content":{},"if":{"match":["a","b"],"match_weak":true,"has_match":true}}`},
		{"star", "POST /api/customers", []string{"If-None-Match: *"}, "{}",
			`{"do":"create","class":"customer","content":{},"if":{"none_match":["*"],"has_none_match":true}}`},
		{"a star in quotes is no star", "PUT /api/customers/7", []string{`If-Match: "*"`}, "{}",
			`{"do":"replace","class":"customer","id":"7","content":{},"if":{"match":["\"*\""],"has_match":true}}`},
		{"Prefer", "PATCH /api/customers/7", []string{"Prefer: respond-async, return=minimal; x=1"}, "{}",
			`{"do":"patch","class":"customer","id":"7","content":{},"output":{"minimal":true}}`},
		{"the first preference counts", "PATCH /api/customers/7", []string{"Prefer: return=representation", "Prefer: return=minimal"}, "{}",
			`{"do":"patch","class":"customer","id":"7","content":{}}`},
		{"Idempotency-Key", "POST /api/customers", []string{`Idempotency-Key: "abc"`}, "{}",
			`{"do":"create","class":"customer","content":{}}`},
		{"Idempotency-Key without quotes", "POST /api/customers", []string{"Idempotency-Key: 8e03978e-40d5-43dd-bc93-6894a57f9324"}, "{}",
			`{"do":"create","class":"customer","content":{}}`},

		{"anything is accepted", "GET /api/customers/7", []string{"Accept: text/html, */*;q=0.1"}, "",
			`{"do":"get","class":"customer","id":"7"}`},
		{"Accept chooses", "GET /api/customers", []string{"Accept: application/json;q=0.5, text/*"}, "",
			`{"do":"search","class":"customer","output":{"format":"csv"}}`},
		{"ties go to the server's order", "GET /api/customers", []string{"Accept: text/csv, application/json"}, "",
			`{"do":"search","class":"customer"}`},
		{"format wins over the order of Accept", "GET /api/customers?format=csv", []string{"Accept: application/json, */*;q=0.1"}, "",
			`{"do":"search","class":"customer","output":{"format":"csv"}}`},
		{"an unreadable Accept is none", "GET /api/customers", []string{"Accept: json"}, "",
			`{"do":"search","class":"customer"}`},
		{"identity content", "POST /api/tags", []string{"Content-Encoding: identity"}, `{}`,
			`{"do":"create","class":"tag","content":{}}`},
	}
	p := &Parser{Schema: crm(), Formats: []string{"json", "csv"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, outcome(p, ask(tt.line, tt.headers, tt.content))); diff != "" {
				t.Errorf("%s (-want +got)\n%s", tt.line, diff)
			}
		})
	}
}
