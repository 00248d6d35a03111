--- What a rule may say about handing a request on. Pure.

local address = require("reconciler.proxy.address")
local fields = require("reconciler.check.fields")

local find, lower = string.find, string.lower
local ipairs, type = ipairs, type

local KNOWN = {
    backend = "string", process = "table", stripPrefix = "boolean", setHeaders = "table",
    timeouts = "table", maxBody = "number", buffering = "string", hostHeader = "string",
    tls = "table",
}
local PROCESS = { name = "string", port = "string", wait = "number" }
local BUFFERING = { auto = true, on = true, off = true }
local HOST_HEADER = { client = true, backend = true }
local TLS = { verify = "boolean", serverName = "string" }
local TIMEOUTS = { connect = "number", read = "number", send = "number" }
-- Written by the gateway itself, or about one connection and not about the request.
local RESERVED = {
    host = true, connection = true, ["content-length"] = true, ["transfer-encoding"] = true,
    te = true, trailer = true, upgrade = true, expect = true, forwarded = true,
    ["keep-alive"] = true, ["proxy-connection"] = true, ["proxy-authorization"] = true,
    ["x-real-ip"] = true, ["x-reconciler-client"] = true, ["http2-settings"] = true,
}

local _M = {}


local function misfit_header(header)
    local name, value = header.name, header.value
    if type(name) ~= "string" or not find(name, "^[%w!#$%%&'*+.^_`|~-]+$") then
        return "proxy.setHeaders: not a header name"
    end
    if type(value) ~= "string" or find(value, "[%z\1-\8\10-\31\127]") then
        return "proxy.setHeaders: " .. name .. ": a value is one line of text"
    end
    local key = lower(name)
    if RESERVED[key] or (find(key, "^x%-forwarded%-") and key ~= "x-forwarded-prefix") then
        return "proxy.setHeaders: " .. name .. " is written by the gateway"
    end
end


local function misfit_place(proxy)
    local process = proxy.process
    if (proxy.backend == nil) == (process == nil) then
        return "proxy needs either backend or process"
    end
    if process then
        return fields.misfit("proxy.process", process, PROCESS)
            or (not (process.name and process.port) and "proxy.process needs name and port")
            or nil
    end
    return not address.parse(proxy.backend)
        and "proxy.backend must be http://HOST:PORT, https://HOST:PORT or unix:/PATH" or nil
end


local function misfit_choice(proxy)
    if proxy.buffering and not BUFFERING[proxy.buffering] then
        return "proxy.buffering must be auto, on or off"
    end
    if proxy.hostHeader and not HOST_HEADER[proxy.hostHeader] then
        return "proxy.hostHeader must be client or backend"
    end
    if proxy.maxBody and proxy.maxBody < 0 then
        return "proxy.maxBody must be a number of bytes"
    end
end


local function misfit_tls(proxy)
    local tls = proxy.tls
    if not tls then
        return nil
    end
    if not find(proxy.backend or "", "^https:") then
        return "proxy.tls is for https:// backends"
    end
    return fields.misfit("tls", tls, TLS)
        or (tls.serverName and not find(tls.serverName, "^[%w._-]+$")
            and "proxy.tls.serverName must be a host name")
        or nil
end


--- nil, or what is wrong with `proxy` of a rule with these conditions.
function _M.misfit(proxy, condition)
    local why = fields.misfit("proxy", proxy, KNOWN)
        or fields.misfit("timeouts", proxy.timeouts or {}, TIMEOUTS)
    if why then
        return why
    end
    why = misfit_place(proxy) or misfit_choice(proxy) or misfit_tls(proxy)
    if why then
        return why
    end
    if proxy.stripPrefix and not condition.pathPrefix then
        return "proxy.stripPrefix needs match.pathPrefix"
    end
    for _, header in ipairs(proxy.setHeaders or {}) do
        why = misfit_header(header)
        if why then
            return why
        end
    end
end


return _M
