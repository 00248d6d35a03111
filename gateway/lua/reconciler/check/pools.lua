--- Whether a pool may be served: where the requests of a rule go that names no address. Pure.

local find, match, sub = string.find, string.match, string.sub
local ipairs, pairs, tonumber, type = ipairs, pairs, tonumber, type

local _M = {}


local function is_address(text)
    if sub(text, 1, 6) == "unix:/" then
        return not find(text, "[%c ]")
    end
    local port = match(text, "^%d+%.%d+%.%d+%.%d+:(%d+)$") or match(text, "^%[[%x:.]+%]:(%d+)$")
    port = tonumber(port)
    return port and port >= 1 and port <= 65535
end


local FIELDS = { address = "string", name = "string", ready = "boolean" }


local function misfit_endpoint(endpoint)
    if type(endpoint) ~= "table" then
        return "an endpoint must be an object"
    end
    for key, value in pairs(endpoint) do
        if type(value) ~= FIELDS[key] then
            return "an endpoint has an address and a name, which are text, and is ready or not"
        end
    end
    if not endpoint.address or not is_address(endpoint.address) then
        return "the address of an endpoint must be IP:PORT or unix:/PATH"
    end
end


--- nil, or what is wrong with a pool. No endpoints at all: it is taken away.
function _M.misfit(name, endpoints)
    if type(name) ~= "string" or name == "" or find(name, "%c") then
        return "a pool needs a name"
    end
    if endpoints == nil then
        return nil
    end
    if type(endpoints) ~= "table" then
        return "the endpoints of a pool must be an array"
    end
    for _, endpoint in ipairs(endpoints) do
        local why = misfit_endpoint(endpoint)
        if why then
            return why
        end
    end
end


--- nil, or what is wrong and the name of the pool it is wrong with.
function _M.misfit_any(pools)
    if type(pools) ~= "table" then
        return "pools must be an object"
    end
    for name, endpoints in pairs(pools) do
        local why = _M.misfit(name, endpoints)
        if why then
            return why, name
        end
    end
end


return _M
