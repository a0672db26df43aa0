package load_test

import (
	"fmt"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/schema/load"
)

// The ancestor's schema: natural, composite and 64-bit keys, camelCase, no timestamps.
func TestRatings(t *testing.T) {
	s := loadClean(t, "ratings.yaml")
	rating := s.Class("rating")
	same(t, "fields of rating", fieldsOf(rating), []string{
		"id id  text synthetic immutable",
		"author authorId author_id bigint ref immutable",
		"subject subjectId subject_id bigint ref immutable",
		"stars stars stars int",
		"remark remark remark text optional",
		"rated_at ratedAt rated_at datetime default=",
	})
	key, err := schema.ParseKey(rating, "300-100")
	if err != nil || len(key) != 2 || key[0].Int() != 300 || key[1].Int() != 100 {
		t.Errorf("key %v, %v", key, err)
	}
	if rating.OnConflict != "update" || !rating.Field("rated_at").Default.Now {
		t.Error("on_conflict or default")
	}
	person := s.Class("person")
	same(t, "names of person", []string{person.Collection, person.Table, person.TypeName}, []string{"people", "people", "Person"})
	same(t, "fields of person", fieldsOf(person), []string{
		"id id id bigint immutable",
		"first_name firstName first_name string",
		"last_name lastName last_name string",
		"birth_date birthDate birth_date date optional",
		"mood moodId mood_id string ref optional",
		"rating_count ratingCount  int count ratings readonly",
	})
	same(t, "relations of person", relationsOf(person), []string{
		"mood mood 0→mood via person.mood",
		"ratings ratings 1→rating via rating.author",
	})
	if f := s.Class("resource").Key[0]; f.Auto != schema.AutoID {
		t.Errorf("resource.id has auto %d", f.Auto)
	}
	if person.Field("birthDate") == nil || person.Field("birth_date") == nil {
		t.Error("a field has both its names")
	}
	if s.Login != nil || len(s.Classes) != 4 {
		t.Error("no users, so no sessions")
	}
}

func TestBlog(t *testing.T) {
	s := loadClean(t, "blog.yaml")
	post := s.Class("post")
	same(t, "rules of post", rulesOf(s, "post")[:3], []string{
		"anyone read status = 'published' 54:11", "user read owner author = me 55:11", "editor read 56:11",
	})
	if slug := post.Field("slug"); slug.From != post.Field("title") || !slug.Unique {
		t.Error("slug is filled from the title")
	}
	same(t, "search", len(post.Search), 2)
	if read := s.Class("user").Field("email").Read; read == nil || read.Global[0] != "editor" {
		t.Error("email is read by editors")
	}
	category := s.Class("category")
	same(t, "relations of category", relationsOf(category), []string{
		"parent parent 0→category via category.parent", "categories categories 1→category via category.parent",
		"posts posts 1→post via post.category",
	})
	same(t, "set of publish", fmt.Sprint(len(post.Action("publish").Set), " ", post.Action("publish").WhenText), "2 status = 'draft'")
}

func TestTracker(t *testing.T) {
	s := loadClean(t, "tracker.yaml")
	same(t, "tenant", []string{s.Tenant.Class.Name, s.Tenant.Via.Name, s.Tenant.From, s.Tenant.Creator}, []string{"org", "membership", "path", "owner"})
	issue := s.Class("issue")
	same(t, "first fields", fieldsOf(issue)[:4], []string{
		"id id id int immutable auto5",
		"org org_id org_id slug ref immutable",
		"project project_id project_id int ref immutable",
		"number number number int auto4",
	})
	same(t, "uniques", indexesOf(issue.Uniques), []string{"issues_org_id_project_id_number_key"})
	same(t, "indexes", indexesOf(issue.Indexes), []string{"issues_project_id_state_priority_idx", "issues_priority_idx"})
	if issue.Field("number").Per != issue.Field("project") {
		t.Error("numbers count per project")
	}
	same(t, "row roles", len(issue.RowRoles), 3)
	viewer, ok := issue.RowRoles[0].Where.(schema.Exists)
	if !ok || viewer.Rel.Name != "project" {
		t.Errorf("viewer of project is %#v", issue.RowRoles[0].Where)
	}
	start := issue.Action("start")
	if len(start.Set) != 2 || start.Set[1].Field.Name != "assignee" {
		t.Fatal(start.Set)
	}
	if _, ok := start.Set[1].Value.(schema.Me); !ok {
		t.Errorf("assignee is set to %#v", start.Set[1].Value)
	}
	if lit, ok := issue.Action("reopen").Set[1].Value.(schema.Lit); !ok || !lit.Value.IsNull() {
		t.Error("reopen empties closed_at")
	}
	for name, want := range map[string]bool{"org": false, "user": false, "membership": true, "project": true, "label": true} {
		if got := s.Class(name).Tenanted; got != want {
			t.Errorf("%s is below an organization: %v", name, got)
		}
	}
	same(t, "key of org", s.Class("org").Key[0].Name, "slug")
}

func indexesOf(all []*schema.Index) (names []string) {
	for _, i := range all {
		names = append(names, i.Name)
	}
	return names
}

// A reference that is unique leads back to one row, however it is said; below
// an organization only when both rows are in it.
func TestWayBackOfUniqueReferences(t *testing.T) {
	text := `dowel: 1
tenant: {class: org}
defaults: {naming: camel}
classes:
  org: {fields: {name: string}, allow: {read: anyone}}
  person:
    tenant: none
    fields: {name: string}
    allow: {read: anyone}
  user_profile:
    tenant: none
    fields: {person: person unique}
    allow: {read: anyone}
  badge:
    tenant: none
    unique: [[person]]
    fields: {person: person}
    allow: {read: anyone}
  order_item:
    fields: {person: person unique, lead: user_task unique}
    allow: {read: anyone}
  user_task:
    fields: {name: string unique}
    allow: {read: anyone}
`
	s, list := load.FS(tree("dowel.yaml", text), ".", load.Options{})
	if len(list) > 0 {
		t.Fatal(lines(list))
	}
	same(t, "relations of person", relationsOf(s.Class("person")), []string{
		"user_profile userProfile 2→user_profile via user_profile.person",
		"badge badge 2→badge via badge.person",
		"order_items orderItems 1→order_item via order_item.person",
	})
	same(t, "relations of user_task", relationsOf(s.Class("user_task")), []string{
		"org org 0→org via user_task.org", "order_item orderItem 2→order_item via order_item.lead",
	})
	same(t, "uniques", indexesOf(s.Class("user_task").Uniques), []string{"user_tasks_org_id_name_key"})
}

func TestConditionCodes(t *testing.T) {
	for word, want := range map[string]string{
		expr.CodeUnknown: "E041", expr.CodeValue: "E042", expr.CodeType: "E043", expr.CodeSecret: "E044", expr.CodeMode: "E046",
	} {
		if got := diag.ConditionCode(word); got != want {
			t.Errorf("%s is %s, want %s", word, got, want)
		}
	}
}

// An application's own type is a word like the built-in ones, with options of its own.
func TestOwnTypes(t *testing.T) {
	color := schema.TypeDef{Name: "color", Options: []string{"depth"}, New: func(o schema.Options) (schema.Type, error) {
		if o.Text["depth"] == "0" {
			return nil, &schema.OptionError{Option: "depth", Detail: "must be positive"}
		}
		return schema.NewType("string", schema.Options{})
	}}
	read := func(field string) string {
		_, list := load.FS(tree("dowel.yaml", "dowel: 1\nclasses: {a: {fields: {c: "+field+"}, allow: {read: anyone}}}\n"), ".", load.Options{Types: []schema.TypeDef{color}})
		return lines(list)
	}
	same(t, "right", read("color depth=3 optional"), "")
	same(t, "wrong option", read("color depth=0"), "2:39-40 E024 `depth` of field `a.c` does not fit: must be positive\n")
	same(t, "misspelt", read("colour"), "2:27-33 E023 unknown type `colour` for field `a.c` | did you mean `color`?\n")
	same(t, "elsewhere", read("int depth=3"), "2:31-36 E022 `depth` of field `a.c` does not fit `int` | `int` knows min, max\n")
}
