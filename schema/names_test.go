package schema

import "testing"

func TestPlural(t *testing.T) {
	for in, want := range map[string]string{
		"customer": "customers", "order_item": "order_items", "category": "categories", "day": "days",
		"address": "addresses", "status": "statuses", "box": "boxes", "branch": "branches", "wish": "wishes",
		"quiz": "quizzes", "person": "people", "sales_person": "sales_people", "grandchild": "grandchildren",
		"salesman": "salesmen", "human": "humans", "talisman": "talismans", "child": "children",
		"analysis": "analyses", "knife": "knives", "photo": "photos", "hero": "heroes", "news": "news",
		"series": "series", "customers": "customers", "lens": "lenses", "bus": "buses", "key": "keys",
		"tag": "tags", "moodboard_entry": "moodboard_entries", "mouse": "mice", "house": "houses",
		"": "", "a_": "a_", "y": "ys", "waltz": "waltzes", "staff": "staff",
	} {
		if got := Plural(in); got != want {
			t.Errorf("Plural(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNameStyles(t *testing.T) {
	for _, c := range []struct{ in, snake, kebab, camel, pascal string }{
		{"order_item", "order_item", "order-item", "orderItem", "OrderItem"},
		{"orderItem", "order_item", "order-item", "orderItem", "OrderItem"},
		{"OrderItem", "order_item", "order-item", "orderItem", "OrderItem"},
		{"order-items", "order_items", "order-items", "orderItems", "OrderItems"},
		{"HTTPServer", "http_server", "http-server", "httpServer", "HttpServer"},
		{"customerID", "customer_id", "customer-id", "customerId", "CustomerId"},
		{"address_2", "address_2", "address-2", "address2", "Address2"},
		{"", "", "", "", ""},
		{"__a__", "a", "a", "a", "A"},
	} {
		t.Run(c.in, func(t *testing.T) {
			got := [...]string{Snake(c.in), Kebab(c.in), Camel(c.in), Pascal(c.in)}
			want := [...]string{c.snake, c.kebab, c.camel, c.pascal}
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
