--- Which of the TLS upstreams of nginx.conf a name has. Each worker deals them out by itself.

local SLOTS = 4

local slots, taken = {}, 0

local _M = {}


--- The upstream of an entry: with kept connections while there are some to have.
function _M.upstream(entry)
    if entry.upstream then
        return entry.upstream
    end
    local tls = entry.rule.proxy.tls
    local key = entry.tls_name .. (tls and tls.verify == false and " unverified" or "")
    if not slots[key] and taken < SLOTS then
        taken = taken + 1
        slots[key] = "tls_" .. taken
    end
    entry.upstream = slots[key] or "tls"
    return entry.upstream
end


return _M
