--- The quick way: of requests like one before, for a rule that asks for nothing special.
--
-- It runs while nginx still looks for the location, where no Lua thread has to be made, and only
-- remembers what the long way (route.lua) would decide: for the same host, method and address, of
-- the same version of the table. What it does not know goes the long way.

local facts = require("reconciler.match.facts")
local log = require("reconciler.table.log")
local match = require("reconciler.match.pick")
local origin = require("reconciler.request.origin")
local paths = require("reconciler.match.path")
local reserved = require("reconciler.request.reserved")
local route = require("reconciler.request.route")
local store = require("reconciler.table.store")
local tally = require("reconciler.seen.tally")

local find, sub = string.find, string.sub
local ngx = ngx
local method_of = ngx.req.get_method
local newest, host_of, clear, begin = log.version, origin.host, origin.clear, tally.begin_at
local normalise, pick = paths.normalise, match.pick

local MOST = 4 * 1024 * 1024 -- bytes of one generation, about; there are two
local LONGEST = 512 -- bytes of method, host and address that are worth it
local OVERHEAD = 100 -- bytes of one, besides its text

local _M = {}

local version = -1
local young, old, size = {}, {}, 0


local function remember(key, host, uri, ctx)
    if size >= MOST then
        young, old, size = {}, young, 0
    end
    local hosts = young[key]
    if not hosts then
        hosts = {}
        young[key] = hosts
    end
    local uris = hosts[host]
    if not uris then
        uris = {}
        hosts[host] = uris
        size = size + #host + 2 * OVERHEAD
    end
    uris[uri] = ctx
    size = size + #uri + OVERHEAD
end


local function recall(generation, method, host, uri)
    local hosts = generation[method]
    local uris = hosts and hosts[host]
    return uris and uris[uri]
end


--- What hangs on the requests of an entry. It is never changed, so those of one slot that go to one
-- place share it: among ten thousand routes that is less to reach for.
local function ctx_of(entry)
    local slot, peer = tally.slot_of(entry), entry.peer
    local shared = peer.shared[slot]
    if not shared then
        shared = { peer = peer, slot = slot, at = tally.place_of(slot) }
        peer.shared[slot] = shared
    end
    return shared
end


--- What hangs on a request that may go the quick way, else false.
local function decide(uri)
    local mark = find(uri, "?", 1, true)
    local raw = mark and sub(uri, 1, mark - 1) or uri
    local path = normalise(raw)
    -- nginx hands on what it was sent: that must be what was matched, and a query not an empty one.
    if path ~= raw or mark == #uri or reserved.class(path) then
        return false
    end
    local table_now = store.current()
    local entry, alone = pick(table_now.index, facts.of_request(path))
    entry = entry or (alone and table_now.default)
    return entry and alone and route.is_plain(entry) and ctx_of(entry) or false
end


local function find_out(method, host, uri)
    -- Strangers choose all three, and what is long is kept by nobody.
    if #uri + #host + #method > LONGEST then
        return false
    end
    local ctx = recall(old, method, host, uri)
    if ctx == nil then
        ctx = decide(uri)
    end
    remember(method, host, uri, ctx)
    return ctx
end


--- For set_by_lua: the slot of a request that is on its way now; nil when it goes the long way.
function _M.slot()
    local now = newest()
    if now ~= version then
        version = store.current().version
        young, old, size = {}, {}, 0
    end
    local method, host, uri = method_of(), host_of(), ngx.var.request_uri
    local ctx = recall(young, method, host, uri)
    if ctx == nil then
        ctx = find_out(method, host, uri)
    end
    if not ctx or clear() then
        return nil
    end
    begin(ctx.at)
    ngx.ctx = ctx
    return ctx.slot
end


return _M
