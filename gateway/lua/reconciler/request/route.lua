--- One request: which rule, and what it asks for.

local access = require("reconciler.guard.access")
local answers = require("reconciler.request.answers")
local facts = require("reconciler.match.facts")
local forward = require("reconciler.proxy.forward")
local match = require("reconciler.match.pick")
local operator = require("reconciler.request.operator")
local pages = require("reconciler.request.pages")
local paths = require("reconciler.match.path")
local reserved = require("reconciler.request.reserved")
local static = require("reconciler.request.static")
local store = require("reconciler.table.store")
local tally = require("reconciler.seen.tally")

local find, sub = string.find, string.sub
local ngx = ngx
local current, normalise, of_request = store.current, paths.normalise, facts.of_request
local pick = match.pick

-- Who serves a request that no rule takes; no route can have such a name.
local OPERATOR, DEFAULT, NOBODY =
    { name = "(operator)" }, { name = forward.DEFAULT }, { name = "(none)" }

local _M = {}


-- A variable: what hangs on the request itself is lost when nginx goes for an error page.
local function enter(owner)
    ngx.var.slot = tally.enter(owner)
end


local function raw_path(target)
    local mark = find(target, "?", 1, true)
    return mark and sub(target, 1, mark - 1) or target
end


--- What serves the requests of an entry: worked out with its first one, then kept with it.
-- Whatever a rule does not ask for is not looked at again.
local function prepare(entry)
    local rule = entry.rule
    if rule.proxy then
        entry.serve = forward.prepare(entry)
    elseif rule.redirect then
        entry.serve = answers.redirect
    elseif rule.static then
        entry.serve = static.prepare()
    else
        entry.serve = answers.respond
    end
    if rule.access then
        entry.serve = access.guard(rule.access, entry.serve)
    end
    return entry.serve
end


--- Whether the requests of an entry may go the quick way (quick.lua).
function _M.is_plain(entry)
    return (entry.serve or prepare(entry)) == forward.serve_plain
end


--- For access_by_lua: decide, and answer or prepare the way.
function _M.route()
    local var = ngx.var
    local path, why = normalise(raw_path(var.request_uri))
    if not path then
        return pages.bad_path(why)
    end
    local class, own = reserved.class(path)
    if class then
        enter(OPERATOR)
        return operator.serve(class, own)
    end
    local table_now = current()
    local entry = pick(table_now.index, of_request(path))
    if entry then
        enter(entry)
        return (entry.serve or prepare(entry))(entry, path)
    end
    entry = table_now.default
    enter(entry and DEFAULT or NOBODY)
    if not entry then
        return pages.nothing_here()
    end
    return (entry.serve or prepare(entry))(entry, path)
end


return _M
