--- Makes the changes since the base part of a new one, so that their log stays short.
--
-- It happens beside the requests: a few rules at a time, and whoever waits goes first.

local json = require("reconciler.json")
local log = require("reconciler.table.log")
local slices = require("reconciler.table.slices")
local store = require("reconciler.table.store")

local concat = table.concat
local pairs = pairs
local ngx = ngx

local LONGEST = 256 -- changes

local at_work = false

local _M = {}


--- What a document says of a compiled table. Rules and pools are replaced, never changed, so it is
-- of one version whatever comes while it is being written.
local function snapshot(table_now)
    local rules, pools = {}, {}
    for _, entry in pairs(table_now.index.entries) do
        rules[#rules + 1] = entry.rule
    end
    for name, endpoints in pairs(table_now.pools) do
        pools[#pools + 1] = { name = name, endpoints = endpoints }
    end
    return {
        version = table_now.version,
        digest = table_now.digest,
        default = table_now.default_url or json.null,
        rules = rules,
        pools = pools,
    }
end


local function write(seen)
    local rules, pools = {}, {}
    for i, rule in pairs(seen.rules) do
        rules[i] = json.encode(rule)
        slices.pause(i)
    end
    for i, pool in pairs(seen.pools) do
        local empty = not pool.endpoints[1]
        pools[i] = json.encode(pool.name) .. ":" .. (empty and "[]" or json.encode(pool.endpoints))
        slices.pause(i)
    end
    return concat({
        '{"version":', seen.version, ',"digest":"', seen.digest, '","default_backend":',
        json.encode(seen.default), ',"rules":[', concat(rules, ","),
        '],"pools":{', concat(pools, ","), "}}",
    })
end


--- The text of the table as this worker serves it, and its version and digest.
function _M.document()
    local seen = snapshot(store.current())
    local raw = log.base(seen.version) -- nothing has changed since
    return raw or write(seen), seen.version, seen.digest
end


local function compact()
    local raw, version = _M.document()
    local ok, err = log.locked(log.rebase, raw, version)
    if not ok then
        ngx.log(ngx.WARN, "the log of changes stays long: ", err)
    end
end


--- For a timer of one worker.
function _M.look()
    local version, _, base = log.head()
    if at_work or version - base < LONGEST then
        return
    end
    at_work = true
    local ok, err = pcall(compact)
    at_work = false
    if not ok then
        ngx.log(ngx.ERR, "cannot shorten the log of changes: ", err)
    end
end


return _M
