package request

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/dowel-dev/dowel/schema"
)

// target is what a path addresses.
type target struct {
	kind   kind
	class  *schema.Class // of the collection in the path
	tenant string        // the organization that all of it is inside of, "" for none
	id     string
	field  *schema.Field
	rel    *schema.Relation
	action *schema.Action
	bulk   Verb // of a bulk operation
	// isItem: a collection action or bulk operation whose segment may be an id too.
	isItem bool
	// nestedRead: the relation may only be read here.
	nestedRead bool
	// The modifiers of the mount and of the collection, still escaped: ";a=b;c".
	mountMods, mods string
}

// kind is the kind of resource a path addresses.
type kind uint8

const (
	collection       kind = iota // /customers
	item                         // /customers/7
	property                     // /customers/7/email
	file                         // /customers/7/photo
	related                      // /customers/7/orders
	relatedOne                   // /orders/7/customer
	itemAction                   // /customers/7/activate
	collectionAction             // /customers/clean-up
	bulk                         // /customers/bulk-import
	compound                     // ;compound, at the mount alone
	restore                      // /customers/7/restore
	purge                        // /customers/7/purge
	history                      // /customers/7/history
	undo                         // /customers/7/undo
)

// target reads the path: target = mount *( ";" modifier ) "/" collection *( ";" modifier ) [ "/" [ id [ "/" member ] ] ].
func (p *Parser) target(u *url.URL) (target, error) {
	var t target
	path, err := escapedPath(u)
	if err != nil {
		return t, err
	}
	rest, found := strings.CutPrefix(path, p.mount())
	if !found || rest != "" && rest[0] != '/' && rest[0] != ';' {
		return t, notFound("There is nothing at this path.", "")
	}
	var parts [6]string
	n, mods := 0, 0
	t.mountMods, rest = cutSegment(rest)
	if err := checkModifiers(t.mountMods); err != nil {
		return t, err
	}
	for rest != "" {
		var segment string
		segment, rest = cutSegment(rest[1:])
		if i := strings.IndexByte(segment, ';'); i >= 0 {
			if n > 0 && (n != 2 || p.Schema.Tenant == nil) || t.mods != "" {
				return t, strayModifier()
			}
			mods = n
			segment, t.mods = segment[:i], segment[i:]
			if err := checkModifiers(t.mods); err != nil {
				return t, err
			}
		}
		if segment, err = decodeSegment(segment); err != nil {
			return t, err
		}
		if n < len(parts) {
			parts[n] = segment
		}
		n++
	}
	if n == 1 && parts[0] == "" && t.mountMods == "" {
		t.mountMods, t.mods, n = t.mods, "", 0 // /;compound, as it is where the mount is the root
	}
	if n == 0 && isCompound(t.mountMods) {
		t.kind = compound
		return t, nil
	}
	at := p.inside(parts[:], n)
	if t.mods != "" && mods != at {
		return t, strayModifier()
	}
	if at > 0 {
		t.tenant = parts[1]
		if p.checkKey(p.Schema.Tenant.Class, t.tenant) != nil {
			return t, noRow(p.Schema.Tenant.Class)
		}
	}
	return p.resolve(t, parts[at:], n-at)
}

// isCompound reports whether `;compound` is among the modifiers of the mount.
func isCompound(mods string) bool {
	for mods != "" {
		var m string
		m, mods, _ = cutModifier(mods)
		if name, _, _ := strings.Cut(m, "="); name == "compound" {
			return true
		}
	}
	return false
}

// checkKey reports what is wrong with an id. That of a row still to be made is right.
func (p *Parser) checkKey(c *schema.Class, id string) error {
	if p.isMark(id) {
		return nil
	}
	return schema.CheckKey(c, id)
}

func strayModifier() error {
	return badPath("A `;` in an id or a member must be written %3B; modifiers follow the collection.")
}

// inside is the number of segments that say which organization the rest is
// inside of: two, or none. /orgs/acme/tickets is the collection of tickets there.
func (p *Parser) inside(parts []string, n int) int {
	t := p.Schema.Tenant
	if t == nil || t.From != "path" || n < 3 || parts[0] != t.Class.Collection {
		return 0
	}
	if c := p.Schema.Collection(parts[2]); c != nil && c.Tenant != nil {
		return 2
	}
	if r := t.Class.Relation(parts[2]); r != nil && n == 3 && r.Inward() {
		parts[2] = r.To.Collection // the relation that leads to the same rows
		return 2
	}
	return 0
}

// mount is the prefix without a slash at its end.
func (p *Parser) mount() string {
	m := p.Mount
	if m == "" {
		m = p.Schema.App.Mount
	}
	return strings.TrimSuffix(m, "/")
}

// resolve looks the segments up in the schema.
func (p *Parser) resolve(t target, parts []string, n int) (target, error) {
	if n == 0 || parts[0] == "" {
		return t, notFound("There is nothing at this path.", "")
	}
	t.class = p.Schema.Collection(parts[0])
	if t.class == nil || !t.class.Expose {
		return t, p.noCollection(parts[0])
	}
	if t.class.Prefix != "" && t.tenant == "" {
		return t, notFound("There is no collection `"+excerpt(parts[0])+"` outside of "+p.Schema.Tenant.Class.Collection+".", didYouMean(t.class.Path()))
	}
	if n == 1 || n == 2 && parts[1] == "" {
		t.kind = collection
		return t, nil
	}
	if n > 3 {
		return t, notFound("The path has too many segments: after an id comes one member at most.", "")
	}
	t.id = parts[1]
	keyErr := p.checkKey(t.class, t.id)
	if n == 3 {
		if keyErr != nil {
			return t, noRow(t.class)
		}
		return p.member(t, parts[2])
	}
	if a := t.class.Action(t.id); a != nil && a.OnCollection {
		t.kind, t.action, t.isItem = collectionAction, a, keyErr == nil
		return t, nil
	}
	if verb, is := bulks[t.id]; is && t.class.Bulk {
		t.kind, t.bulk, t.isItem = bulk, verb, keyErr == nil
		return t, nil
	}
	if keyErr != nil {
		return t, noRow(t.class)
	}
	t.kind = item
	return t, nil
}

// bulks are the operations on many records, by their segments.
var bulks = map[string]Verb{"bulk-import": BulkImport, "bulk-update": BulkUpdate, "bulk-delete": BulkDelete}

// member looks up what follows an id.
func (p *Parser) member(t target, name string) (target, error) {
	if name == "" {
		return t, notFound("There is nothing at this path: an id is not followed by a slash.", "")
	}
	c := t.class
	if r := c.Relation(name); r != nil {
		nested := c.Nested[r.Name]
		if nested == "none" || !r.To.Expose || r.To.Internal || r.Inward() {
			return t, p.noMember(c, name)
		}
		// Records of organizations are written inside of them.
		t.rel, t.nestedRead, t.kind = r, nested == "read" || r.To.Prefix != "" && c.Prefix == "", related
		if r.Single() {
			t.kind = relatedOne
		}
		return t, nil
	}
	if a := c.Action(name); a != nil && !a.OnCollection {
		t.kind, t.action = itemAction, a
		return t, nil
	}
	if f := c.Field(name); f != nil {
		t.kind, t.field = property, f
		if isFile(f) {
			t.kind = file
		}
		return t, nil
	}
	if c.SoftDelete {
		switch name {
		case "restore":
			t.kind = restore
			return t, nil
		case "purge":
			t.kind = purge
			return t, nil
		}
	}
	if c.History {
		switch name {
		case "history":
			t.kind = history
			return t, nil
		case "undo":
			t.kind = undo
			return t, nil
		}
	}
	return t, p.noMember(c, name)
}

func (p *Parser) noCollection(name string) error {
	var known []string
	for _, c := range p.Schema.Classes {
		if c.Expose && !c.Internal {
			if name == c.Name || name == c.Table || name == c.TypeName || strings.EqualFold(name, c.Collection) {
				return notFound("There is no collection `"+excerpt(name)+"`.", didYouMean(c.Collection))
			}
			known = append(known, c.Collection)
		}
	}
	near := schema.Suggest(strings.ToLower(name), known)
	return notFound("There is no collection `"+excerpt(name)+"`.", didYouMean(near))
}

func noRow(c *schema.Class) error {
	return notFound("There is no such "+c.Name+".", "")
}

// noMember suggests what everybody may know of who reads the class at all.
func (p *Parser) noMember(c *schema.Class, name string) error {
	var known []string
	for _, f := range c.Fields {
		if f.Shown() && f.Read == nil {
			known = append(known, f.JSON)
		}
	}
	for _, r := range c.Relations {
		if c.Nested[r.Name] != "none" && r.To.Expose && !r.To.Internal && (r.Field == nil || r.Field.Read == nil) {
			known = append(known, r.Name)
		}
	}
	for _, a := range c.Actions {
		if !a.OnCollection {
			known = append(known, a.Path)
		}
	}
	return notFound("`"+c.Name+"` has no member `"+excerpt(name)+"`.", didYouMean(schema.Suggest(name, known)))
}

// escapedPath is the path as it was sent. URL.EscapedPath alone would write a
// path with odd characters anew and lose which slashes were escaped.
func escapedPath(u *url.URL) (string, error) {
	path := u.RawPath
	if path == "" {
		return u.EscapedPath(), nil
	}
	if plain, err := url.PathUnescape(path); err != nil || plain != u.Path {
		path = u.EscapedPath() // somebody on the way changed Path alone
	}
	for i := 0; i < len(path); i++ {
		if path[i] >= utf8.RuneSelf {
			return "", badPath("The path holds a character that must be percent-encoded.")
		}
	}
	return path, nil
}

// cutSegment splits before the next slash.
func cutSegment(path string) (segment, rest string) {
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// decodeSegment decodes the escapes of one segment, once.
func decodeSegment(s string) (string, error) {
	if strings.IndexByte(s, '%') >= 0 {
		plain, err := url.PathUnescape(s)
		if err != nil {
			return "", badPath("The path holds a broken percent escape.")
		}
		if !utf8.ValidString(plain) {
			return "", badPath("The path is not UTF-8.")
		}
		s = plain
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return "", badPath("The path holds a control character.")
		}
	}
	if s == "." || s == ".." {
		return "", badPath("The path holds a dot segment.")
	}
	return s, nil
}

// checkModifiers checks the grammar of ";name=value;name"; what they mean is the query's.
func checkModifiers(mods string) error {
	for mods != "" {
		var m string
		var closed bool
		m, mods, closed = cutModifier(mods)
		if !closed {
			return badPath("A parenthesis in a modifier is not closed; one that is data must be written %28.")
		}
		name, _, _ := strings.Cut(m, "=")
		if name == "" {
			return badPath("A modifier is empty: write `;name=value` after the collection.")
		}
		plain, err := url.PathUnescape(m)
		if err != nil {
			return badPath("The path holds a broken percent escape.")
		}
		if !utf8.ValidString(plain) || strings.IndexByte(plain, 0) >= 0 {
			return badPath("The path holds a modifier that is not text.")
		}
	}
	return nil
}

// cutModifier takes the first modifier off ";a=b;c". A semicolon in parentheses,
// as in ;with=orders(status=eq:placed;limit=5), belongs to the modifier.
func cutModifier(mods string) (m, rest string, closed bool) {
	mods = mods[1:]
	depth := 0
	for i := 0; i < len(mods); i++ {
		switch mods[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ';':
			if depth <= 0 {
				return mods[:i], mods[i:], true
			}
		}
	}
	return mods, "", depth <= 0
}
