--- Who asks. What programs are told about it is written by nginx.conf; here goes what a client
-- claims of itself.

local ffi = require("ffi")
local base = require("resty.core.base")
require("resty.core.request") -- declares what is called below
local settings = require("reconciler.settings")

local C = ffi.C
local bor = require("bit").bor
local byte, find, gsub = string.byte, string.find, string.gsub
local lower, sub = string.lower, string.sub
local ngx = ngx
local get_request = base.get_request

local MOST = 128 -- header lines that are looked at in one go
local PREFIX, UPGRADE = "x-forwarded-", "upgrade"
local X, U = byte("x"), byte("u")

local truncated = ffi.new("int[1]")
local room, capacity = ffi.new("ngx_http_lua_ffi_table_elt_t[?]", MOST), MOST

local _M = {}


local function begins(key, word)
    for i = 1, #word - 1 do
        -- Letters in either case; the dashes have this bit anyway.
        if bor(key.data[i], 32) ~= byte(word, i + 1) then
            return false
        end
    end
    return true
end


--- Take away every X-Forwarded-* a client sent, unless a trusted proxy did. The usual request has
-- none, and is only looked through: no string is made. Returns whether it has an Upgrade, as those
-- of WebSockets have.
function _M.clear()
    local request = get_request()
    local count = C.ngx_http_lua_ffi_req_get_headers_count(request, 0, truncated)
    if count > capacity then
        room, capacity = ffi.new("ngx_http_lua_ffi_table_elt_t[?]", count), count
    end
    if C.ngx_http_lua_ffi_req_get_headers(request, room, count, 1) ~= 0 then
        return ngx.exit(500) -- rather than believe what could not be read
    end
    local claims, upgrades
    for i = 0, count - 1 do
        local key = room[i].key
        local first = bor(key.data[0], 32)
        if first == X and key.len > #PREFIX and begins(key, PREFIX) then
            claims = claims or {}
            claims[#claims + 1] = ffi.string(key.data, key.len)
        elseif first == U and key.len == #UPGRADE and begins(key, UPGRADE) then
            upgrades = true
        end
    end
    if claims and ngx.var.from_proxy ~= "1" then
        for i = 1, #claims do
            ngx.req.clear_header(claims[i])
        end
    end
    return upgrades
end


--- The host that is asked for, in small letters and without a port.
function _M.host()
    local var = ngx.var
    if settings.trusts and var.from_proxy == "1" then
        return lower((gsub(var.forwarded_host, ":%d+$", "")))
    end
    return var.host -- nginx has done so already
end


--- A request that another proxy passed on is a stranger's, wherever that proxy runs.
function _M.is_local()
    local var = ngx.var
    if var.http_x_forwarded_for or var.http_forwarded or var.http_via then
        return false
    end
    local address = var.remote_addr
    return sub(address, 1, 4) == "127." or address == "::1" or find(var.from_proxy, "1") ~= nil
end


return _M
