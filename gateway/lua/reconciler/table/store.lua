--- What this worker serves: the table of shared memory (log.lua), compiled.
--
-- A document is compiled once. A change is made to what is compiled, so it costs the same among ten
-- rules and ten thousand.

local delta = require("reconciler.table.delta")
local forward = require("reconciler.proxy.forward")
local json = require("reconciler.json")
local log = require("reconciler.table.log")
local match = require("reconciler.match.pick")
local pools = require("reconciler.proxy.pools")

local dict = ngx.shared.reconciler
local ngx = ngx
local newest = log.version
local lower = string.lower
local ipairs, pcall, tostring = ipairs, pcall, tostring

local _M = {}


local function set_default(table_now, url)
    if url == json.null then
        url = nil
    end
    table_now.default_url = url
    table_now.default = url and forward.default(url)
end


--- The headers that rules name. A name stays until the next document: one too many does no harm.
local function look_at_headers(table_now, rule)
    for _, header in ipairs(rule.match and rule.match.headers or {}) do
        table_now.looked_at[lower(header.name)] = true
    end
end


local function compile(document)
    local fresh = {
        looked_at = {},
        version = document.version,
        digest = document.digest,
        index = match.compile(document.rules),
        pools = document.pools or {},
    }
    for _, rule in ipairs(document.rules) do
        look_at_headers(fresh, rule)
    end
    set_default(fresh, document.default_backend)
    return fresh
end


local EMPTY = { version = 0, digest = "", rules = {} }
local serving = compile(EMPTY)
local attempted = -1 -- a table that cannot be compiled is not tried again with every request

local APPLY = {
    put = function(table_now, op)
        match.put(table_now.index, op.put)
        look_at_headers(table_now, op.put)
    end,
    drop = function(table_now, op)
        match.drop(table_now.index, op.drop)
    end,
    default = function(table_now, op)
        set_default(table_now, op.default)
    end,
    pool = function(table_now, op)
        table_now.pools[op.pool] = op.endpoints
    end,
}


local function report(err)
    if ngx.worker.exiting() then
        return -- the worker that follows has this number now
    end
    local text = json.encode({
        pid = ngx.worker.pid(),
        version = serving.version,
        digest = serving.digest,
        error = err,
    })
    local ok, why = dict:safe_set("worker:" .. ngx.worker.id(), text)
    if not ok then
        ngx.log(ngx.ERR, "cannot report the version served: ", why)
    end
end


--- The document a worker begins with, or nil when a newer one has come in this moment.
local function load_base(version)
    if version == 0 then
        return compile(EMPTY)
    end
    local raw = log.base(version)
    if not raw then
        return nil
    end
    local document, err = json.decode(raw)
    if not document then
        error(err, 0)
    end
    return compile(document)
end


local function missing_changes(from, to)
    local changes = {}
    for version = from, to do
        local raw = log.delta(version)
        if not raw then
            return nil
        end
        local change, err = delta.read(raw)
        if not change then
            error(err, 0)
        end
        changes[#changes + 1] = change
    end
    return changes
end


local function apply(table_now, changes)
    for _, change in ipairs(changes) do
        for _, op in ipairs(change.ops) do
            APPLY[op.kind](table_now, op)
        end
        table_now.version, table_now.digest = change.version, change.digest
    end
end


--- true when this worker serves the newest version now.
local function catch_up()
    local version, _, base = log.head()
    local table_now = serving.version >= base and serving or load_base(base)
    local changes = table_now and missing_changes(table_now.version + 1, version)
    if not changes then
        return false
    end
    apply(table_now, changes)
    serving = table_now
    pools.use(table_now.pools)
    return true
end


local function refresh(version)
    attempted = version
    local ok, done = pcall(catch_up)
    if ok and not done then
        attempted = -1 -- replaced in this moment: the next look finds its successor
        return
    end
    if not ok then
        local kept = serving.version
        ngx.log(ngx.ERR, "table ", version, " cannot be used, keeping ", kept, ": ", done)
    end
    report(not ok and done or nil)
end


--- The newest table, compiled. Costs one look into shared memory when nothing changed.
function _M.current()
    local version = newest()
    if version ~= serving.version and version ~= attempted then
        refresh(version)
    end
    return serving
end


--- Once per worker, at its start.
function _M.begin()
    _M.current()
    report()
end


--- What each worker serves, by its number.
function _M.workers()
    local seen = {}
    for id = 0, ngx.worker.count() - 1 do
        local text = dict:get("worker:" .. id)
        seen[tostring(id)] = text and json.decode(text) or nil
    end
    return seen
end


--- What a person should know about the table; stays until the next good one.
function _M.report_problem(text)
    ngx.log(ngx.ERR, text)
    local ok, err = dict:safe_set("problem", text)
    if not ok then
        ngx.log(ngx.ERR, "cannot remember that: ", err)
    end
end


function _M.problem()
    return dict:get("problem")
end


function _M.forget_problem()
    dict:delete("problem")
end


return _M
