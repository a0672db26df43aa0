package load

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/cron"
	"github.com/dowel-dev/dowel/schema/diag"
)

// schedules reads the actions that are run again and again. Whether an action makes
// sense beyond the names in it, and may be done, the engine says.
func (l *loader) schedules(all []entry) {
	for _, e := range all {
		what := "the schedule `" + e.name + "`"
		if !l.name(e.key, e.name, "a schedule") {
			continue
		}
		o := l.object(e.val, "schedule", what)
		if !e.val.isMap() {
			continue // said above
		}
		s := &schema.Schedule{Name: e.name, Pos: e.key.pos()}
		s.Doc, _ = l.text(o.get("doc"), o.of("doc"))
		l.times(s, e, o)
		l.scheduledAs(s, e, o)
		l.scheduledAction(s, e, o)
		l.s.Schedules = append(l.s.Schedules, s)
	}
}

// times reads when it is due.
func (l *loader) times(s *schema.Schedule, e entry, o *object) {
	zone := time.UTC
	if text, ok := l.text(o.get("timezone"), o.of("timezone")); ok {
		var err error
		if zone, err = time.LoadLocation(text); err != nil || text == "Local" {
			l.report("E068", o.get("timezone").pos(), "not a time zone", "write it like Europe/Berlin", "%s cannot be `%s`", o.of("timezone"), text)
			zone = time.UTC
		}
		s.Zone = text
	}
	times, every := o.get("cron"), o.get("every")
	switch {
	case times.given() && every.given():
		l.reportTwo("E068", every.pos(), "and every so often", times.pos(), "at these times", "keep one of them", "%s is due in two ways", o.what)
	case times.given():
		text, ok := l.text(times, o.of("cron"))
		if !ok {
			return
		}
		t, err := cron.Parse(text, zone)
		if err != nil {
			l.report("E068", times.pos(), "not a time", "write minute, hour, day of month, month and day of week: \"0 3 * * *\" is three o'clock every night",
				"%s cannot be `%s`: %v", o.of("cron"), text, err)
			return
		}
		s.Text, s.Times = text, t
	case every.given():
		text, ok := l.text(every, o.of("every"))
		if !ok {
			return
		}
		d, err := parseSpan(text)
		if err == nil {
			s.Times, err = cron.Every(d)
		}
		if err != nil {
			l.report("E068", every.pos(), "not a length of time", "write it like 30s, 5m, 1h or 2d", "%s cannot be `%s`", o.of("every"), text)
			return
		}
		s.Text = "every " + text
		if o.get("timezone").given() {
			l.reportTwo("E068", o.get("timezone").pos(), "means nothing here", every.pos(), "every so often", "remove it, or write `cron:`", "%s has a time zone and no time of day", o.what)
		}
	default:
		l.report("E011", e.key.pos(), "", "write `cron: \"0 3 * * *\"` or `every: 1h`", "%s does not say when it is due", o.what)
	}
}

// scheduledAs reads whose rights it has.
func (l *loader) scheduledAs(s *schema.Schedule, e entry, o *object) {
	as, user := o.get("as"), o.get("user")
	switch {
	case as.given() && user.given():
		l.reportTwo("E068", user.pos(), "this user", as.pos(), "this role", "keep one of them", "%s is run as two", o.what)
	case as.given():
		text, ok := l.text(as, o.of("as"))
		switch {
		case !ok:
		case text == "system":
			s.System = true
		case l.globalRole(text, as.pos()):
			s.Role = text
		}
	case user.given():
		s.User, _ = l.text(user, o.of("user"))
		if l.login == nil {
			l.report("E068", user.pos(), "there are no users", "write `as: ROLE`", "%s is run as a user, and no class has `auth`", o.what)
		}
	default:
		l.report("E011", e.key.pos(), "", "write `as: ROLE`, or `as: system` for all rights", "%s does not say whose rights it has", o.what)
	}
}

// scheduledAction reads the action: in its JSON form, or as CLASS.VERB with what belongs to it.
func (l *loader) scheduledAction(s *schema.Schedule, e entry, o *object) {
	v := o.get("action")
	s.ActionPos = e.key.pos()
	if v.given() {
		s.ActionPos = v.pos()
	}
	beside := []string{"id", "input", "where", "max_affected"}
	switch {
	case !v.given():
		l.report("E011", e.key.pos(), "", "write `action: CLASS.VERB`", "%s does not say what it does", o.what)
	case v.isMap():
		for _, key := range beside {
			if o.get(key).given() {
				l.report("E068", o.keys[key].key.pos(), "belongs to the action", "write it into `action`", "%s has `%s` beside an action that is written out", o.what, key)
			}
		}
		s.Action = nodeJSON(v)
	default:
		if text, ok := l.text(v, o.of("action")); ok {
			l.shortAction(s, v, text, o)
		}
	}
}

// mostScheduled is how many records a schedule may change at a time unless it says so.
const mostScheduled = 1000

// shortAction reads CLASS.VERB.
func (l *loader) shortAction(s *schema.Schedule, v value, text string, o *object) {
	class, verb, ok := strings.Cut(text, ".")
	if !ok {
		l.report("E068", v.pos(), "", "write CLASS.VERB, such as `order.archive`", "%s cannot be `%s`", o.of("action"), text)
		return
	}
	d := l.target(class, v.pos())
	if d == nil {
		return
	}
	form := struct{ do, action, content string }{}
	var takes []string
	switch verb {
	case "create":
		form.do, form.content, takes = "create", "content", []string{"input"}
	case "update":
		form.do, form.content, takes = "patch-where", "content", []string{"input", "where"}
		if o.get("id").given() {
			form.do, takes = "patch", []string{"input", "id"}
		}
	case "delete", "purge", "restore":
		form.do, takes = verb, []string{"id"}
		if verb == "delete" && !o.get("id").given() {
			form.do, takes = "delete-where", []string{"where"}
		}
	default:
		i := slices.IndexFunc(d.c.Actions, func(a *schema.Action) bool { return a.Name == verb })
		if i < 0 {
			names := []string{"create", "update", "delete", "restore", "purge"}
			for _, a := range d.c.Actions {
				names = append(names, a.Name)
			}
			if !l.spoiled("action", d.c.Name, verb) {
				l.report("E068", v.pos(), "no such action", diag.DidYouMean(verb, names), "`%s` has no action `%s`", d.c.Name, verb)
			}
			return
		}
		form.do, form.action, form.content, takes = "run", verb, "content", []string{"input", "id"}
		if d.c.Actions[i].OnCollection {
			takes = []string{"input"}
		} else if !o.get("id").given() {
			l.report("E068", v.pos(), "acts on one record", "write `id: …`, or change several with `action: "+class+".update` and `where: …`", "%s does not say which %s", o.what, class)
		}
	}
	b := []byte(`{"do":` + strconv.Quote(form.do) + `,"class":` + strconv.Quote(class))
	member := func(name, json string) { b = append(b, ","+strconv.Quote(name)+":"+json...) }
	if form.action != "" {
		member("action", strconv.Quote(form.action))
	}
	for _, key := range []string{"id", "input", "where"} {
		in := o.get(key)
		switch {
		case !in.given() && key == "input" && form.content != "" && form.action == "":
			member(form.content, "{}")
		case !in.given():
		case !slices.Contains(takes, key):
			l.report("E068", o.keys[key].key.pos(), "means nothing here", "remove it", "`%s` does not go with `%s` of %s", key, text, o.what)
		case key == "input":
			member(form.content, nodeJSON(in))
		default:
			if word, ok := l.text(in, o.of(key)); ok {
				member(key, string(quoteJSON(word)))
			}
		}
	}
	most := o.get("max_affected")
	switch {
	case slices.Contains(takes, "where"):
		member("max_affected", strconv.Itoa(l.integer(most, o.of("max_affected"), mostScheduled, 1, mostRows)))
	case most.given():
		l.report("E068", o.keys["max_affected"].key.pos(), "means nothing here", "remove it", "`max_affected` does not go with `%s` of %s", text, o.what)
	}
	s.Action = string(append(b, '}'))
}
