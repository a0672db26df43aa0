package breaking

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// folded is what was found with one finding for each cause: a member that is gone
// is gone from content, filters and paths, too; a class takes its operations along.
func (all *findings) folded(k Knowledge) []Finding {
	all.classes(k)
	all.members(k)
	return sorted(all.list)
}

// classes folds operations of classes that come, go or move as a whole.
func (all *findings) classes(k Knowledge) {
	for _, kind := range []struct {
		severity      Severity
		code, class   string
		message, help string
		sample        bool
	}{
		{Breaking, "operation-removed", "class-removed", "is not there any more", "`expose: false` and another class come to the same: keep it until nobody calls it", false},
		{Breaking, "operation-moved", "class-moved", "", "", true},
		{Breaking, "role-refused", "role-refused", "", "keep the rule until nobody needs it", true},
		{Breaking, "credentials-required", "credentials-required", "", "let `anyone` do it still", true},
		{Risky, "rows-narrowed", "rows-narrowed", "", "what was there for them may be missing", true},
		{Risky, "operation-renamed", "class-renamed", "", "clients that are generated again have another name for it; requests stay right", true},
		{Harmless, "operation-added", "class-added", "is new", "", false},
	} {
		byClass := map[string][]*Finding{}
		for _, f := range all.list {
			if f.Code == kind.code && f.Operation != "" {
				byClass[f.Class] = append(byClass[f.Class], f)
			}
		}
		for _, class := range slices.Sorted(maps.Keys(byClass)) {
			list := byClass[class]
			if len(list) < 3 || class == "" {
				continue
			}
			if kind.code == "operation-removed" && !all.gone[class] || kind.code == "operation-added" && !all.fresh[class] {
				continue // some of them
			}
			slices.SortFunc(list, func(a, b *Finding) int { return strings.Compare(a.Operation, b.Operation) })
			f := Finding{Severity: kind.severity, Code: kind.class, Class: class, Message: kind.message, Help: kind.help}
			if kind.sample {
				f.Message = list[0].Operation + " " + list[0].Message + ", and " + strconv.Itoa(len(list)-1) + " operations more"
				if f.Help == "" {
					f.Help = list[0].Help
				}
			} else {
				f.Message += ": " + strconv.Itoa(len(list)) + " operations"
			}
			if name := k.Renamed[class]; name != "" && kind.code == "operation-removed" {
				f.Message += "; it is called " + name + " now"
				f.Help = "`collection:` keeps the address"
			}
			all.list = slices.DeleteFunc(all.list, func(f *Finding) bool { return f.Code == kind.code && slices.Contains(list, f) })
			all.list = append(all.list, &f)
		}
	}
}

// names reports whether a change of the members that have a path of their own says
// no more than what was found about those members.
func (all *findings) names(f *Finding, class string) bool {
	if f.Parameter != "{property}" {
		return false
	}
	for i, name := range strings.Split(f.Message, "`") {
		if i%2 == 1 && all.byKey["member-removed|"+class+"|"+name+"||"] == nil {
			return false
		}
	}
	return true
}

// members folds what follows from a member that is gone, new, or of another type.
func (all *findings) members(k Knowledge) {
	drop := map[*Finding]bool{}
	for _, cause := range all.list {
		var also map[string]string
		switch cause.Code {
		case "member-removed":
			also = map[string]string{"member-refused": "is not taken any more", "filter-removed": "cannot be filtered by", "value-removed": "", "member-may-be-absent": ""}
		case "member-refused":
			also = map[string]string{"value-removed": ""}
		case "type-changed", "format-changed":
			also = map[string]string{"operator-removed": "is filtered with other operators", "operator-added": "", "pattern-changed": "", "limit-narrowed": "", "limit-widened": "", "form-refused": "", "form-added": "", "default-changed": "", "format-changed": ""}
		case "member-required":
			also = map[string]string{"null-refused": "", "default-changed": ""}
		case "member-added", "member-taken":
			also = map[string]string{"member-taken": "may be sent now", "parameter-added": "can be filtered by", "value-taken": ""}
		default:
			continue
		}
		var more []string
		for _, f := range all.list {
			note, follows := also[f.Code]
			if f == cause || drop[f] || drop[cause] || !follows || f.Class != cause.Class || f.Operation != "" {
				continue
			}
			name := strings.TrimPrefix(f.Parameter, ".")
			inside := f.Field == cause.Field && f.Parameter == "" || name == cause.Field || strings.HasPrefix(name+f.Field, cause.Field+".")
			if !inside && !all.names(f, cause.Class) {
				continue
			}
			drop[f] = true
			if note != "" && !slices.Contains(more, note) {
				more = append(more, note)
			}
		}
		if len(more) > 0 {
			cause.Message += ", " + strings.Join(more, ", ")
		}
		if name := k.Renamed[cause.Class+"."+cause.Field]; name != "" && cause.Code == "member-removed" {
			cause.Message += "; it is called " + name + " now"
			cause.Help = "`json=" + cause.Field + "` keeps the name that clients know; `was=` carries over only the values"
		}
	}
	all.list = slices.DeleteFunc(all.list, func(f *Finding) bool { return drop[f] })
}
