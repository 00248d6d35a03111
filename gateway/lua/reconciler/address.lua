--- Backends as they are written, and where that is. Pure.

local find, match, sub = string.find, string.match, string.sub
local tonumber = tonumber

local _M = {}


--- Host and port of `http://127.0.0.1:8000`, or nil.
function _M.parse(url)
    local host, port = match(url, "^http://([^/:%[%]]+):(%d+)$")
    if not host then
        host, port = match(url, "^http://(%[[%x:.]+%]):(%d+)$")
    end
    port = tonumber(port)
    if not host or port < 1 or port > 65535 then
        return nil
    end
    if host == "localhost" then
        return "127.0.0.1", port
    end
    if sub(host, 1, 1) ~= "[" and not find(host, "^%d+%.%d+%.%d+%.%d+$") then
        return nil
    end
    return host, port
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
