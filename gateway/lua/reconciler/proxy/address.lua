--- Backends as they are written, and where that is. Pure.

local find, lower, match = string.find, string.lower, string.match
local tonumber = tonumber

local DEFAULT_PORT = { http = 80, https = 443 }
local LONGEST_SOCKET = 100 -- bytes of its path

local _M = {}


local function is_name(host)
    if #host > 253 or find(host, "[^%l%d._-]") or find(host, "^[-.]") or find(host, "%.%.") then
        return false
    end
    return not find(match(host, "[^.]*$"), "^%d*$")
end


local function socket(path)
    if #path > LONGEST_SOCKET or find(path, "[%c:?#]") or find(path, "//", 1, true) then
        return nil
    end
    return { host = "unix:" .. path, scheme = "http" }
end


--- Host, port and scheme of `http://127.0.0.1:8000`, `https://[::1]`, `unix:/run/app.sock`; nil
-- when it is none of these. For a host name there is no host, but `name` and `pool`.
function _M.parse(url)
    local path = match(url, "^unix:(/.+)$")
    if path then
        return socket(path)
    end
    local scheme, host, digits = match(url, "^(https?)://([^/:%[%]?#@]+):?(%d*)$")
    if not scheme then
        scheme, host, digits = match(url, "^(https?)://(%[[%x:.]+%]):?(%d*)$")
    end
    if not scheme then
        return nil
    end
    local port = digits == "" and DEFAULT_PORT[scheme] or tonumber(digits)
    if port < 1 or port > 65535 then
        return nil
    end
    local found = { host = host, port = port, scheme = scheme }
    if host == "localhost" then
        found.host, found.name = "127.0.0.1", host
    elseif not find(host, "^%[") and not find(host, "^%d+%.%d+%.%d+%.%d+$") then
        host = lower(host)
        if not is_name(host) then
            return nil
        end
        found.host, found.name, found.pool = nil, host, "host/" .. host .. ":" .. port
    end
    return found
end


--- Host and port of an endpoint: `127.0.0.1:8000`, `[::1]:80`, `unix:/run/app.sock` (no port).
function _M.split(text)
    local host, port = match(text, "^([^/]+):(%d+)$")
    if host then
        return host, tonumber(port)
    end
    return text
end


return _M
