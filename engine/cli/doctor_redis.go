package cli

import (
	"strings"

	"github.com/dowel-dev/dowel/engine/redis"
)

// redis asks the Redis that settings name. Nothing needs it, so what is wrong with it is a warning.
func (d *doctor) redis() {
	address := d.p.cfg.Engine.Redis
	if address == "" {
		return
	}
	c, err := redis.Open(address, nil)
	if err != nil {
		d.fail("redis", "", "%s: %v", masked(address), err)
		return
	}
	defer c.Close()
	ctx, cancel := d.soon()
	defer cancel()
	version, policy, err := c.Info(ctx)
	switch {
	case err != nil:
		d.warn("redis", "until it is back, each node keeps answers and counts requests by itself", "%s: %v", masked(address), err)
		return
	case policy == "noeviction":
		d.warn("redis", "maxmemory-policy allkeys-lru, or a Redis for Dowel alone", "Redis %s takes no more values when it is full", version)
	default:
		d.ok("redis", "Redis %s, %s", version, masked(address))
	}
	if !storeOf(d.p.cfg.DB).copies {
		d.warn("redis", "a node alone does as well without", "answers are shared by the nodes of a PostgreSQL database; of %s only the counts of requests are", strings.SplitN(d.p.cfg.DB, ":", 2)[0])
	}
}
