--- Addresses that rules write themselves, and that take no connection: told as endpoints are.
--
-- Over plain HTTP whether one does again is tried beside the requests. Over TLS only a request can
-- tell, as a certificate that is not accepted is refused there.

local addresses = require("reconciler.proxy.address")
local bell = require("reconciler.proxy.bell")
local flights = require("reconciler.proxy.flights")
local resting = require("reconciler.proxy.resting")
local store = require("reconciler.table.store")

local find, match = string.find, string.match
local ngx = ngx
local pairs = pairs

local MOST = 256 -- addresses that are tried again and again, by each worker

local _M = {}


--- How it is written, and how else.
local function spellings(address)
    if find(address, "^unix:") then
        return address
    end
    local port = match(address, "^127%.0%.0%.1:(%d+)$")
    return "http://" .. address, port and "http://localhost:" .. port
end


local function is_at(entry, one, other)
    local proxy = entry and entry.rule.proxy
    local backend = proxy and proxy.backend
    return backend ~= nil and (backend == one or backend == other)
end


local function is_written(address)
    local one, other = spellings(address)
    local table_now = store.current()
    if is_at(table_now.default, one, other) then
        return true
    end
    for _, entry in pairs(table_now.index.entries) do
        if is_at(entry, one, other) then
            return true
        end
    end
    return false
end


--- Whether a rule still says so: looked up once for each version of the table.
local function asker(address)
    local version, is_wanted
    return function()
        local now = store.current().version
        if now ~= version then
            version, is_wanted = now, is_written(address)
        end
        return is_wanted
    end
end


local function rest(address)
    if resting.is(address) or resting.count() >= MOST then
        return
    end
    local is_wanted = asker(address)
    if is_wanted() then
        local host, port = addresses.split(address)
        resting.begin({ address = address, host = host, port = port }, is_wanted)
    end
end


local function over_tls(address, name)
    return "https://" .. address .. " as " .. name
end


--- In the location for failures: a request to the address of a rule has failed.
function _M.failed()
    local var = ngx.var
    local address = match(var.upstream_addr or "", "(%S+)$")
    local is_refused = match(var.upstream_connect_time or "", "(%S+)$") == "-"
    if not address or not is_refused or (var.reconciler_client or "") ~= "" then
        return
    end
    local name = var.shown_as or ""
    if name == "" then
        rest(address)
    elseif flights.shut(over_tls(address, name)) then
        bell.ring()
    end
end


--- For log_by_lua of the locations that speak TLS: a request has ended there.
function _M.ended()
    local var = ngx.var
    local address = match(var.upstream_addr or "", "(%S+)$")
    if address and find(var.upstream_connect_time or "", "%d$")
        and flights.opened(over_tls(address, var.shown_as or "")) then
        bell.ring()
    end
end


return _M
