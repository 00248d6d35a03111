--- What of a request decides which rule serves it. Headers are read only where a rule asks.

local origin = require("reconciler.request.origin")

local concat = table.concat
local lower = string.lower
local host = origin.host
local pairs, rawget, type = pairs, rawget, type
local ngx = ngx

local _M = {}


--- The value of a header or nil; several of one name are one value, as they are to who gets them.
function _M.header(facts, name)
    if name == "referer" and not ngx.var.http_referer then
        return nil -- as most requests; this costs less than reading all headers
    end
    local headers = facts.headers
    if not headers then
        headers = ngx.req.get_headers(0)
        facts.headers = headers
    end
    local value = rawget(headers, name)
    return type(value) == "table" and concat(value, ", ") or value
end


--- The facts of the request at hand, for match.pick.
function _M.of_request(path)
    local var = ngx.var
    return {
        host = host(),
        path = path,
        method = var.request_method,
        header = _M.header,
    }
end


local function written(facts, name)
    return facts.written[name] or (name == "referer" and facts.referer) or nil
end


--- The facts of a request that is only spoken of: {host, path, method, referer, headers}.
function _M.of_question(said, path)
    local headers = {}
    for name, value in pairs(type(said.headers) == "table" and said.headers or {}) do
        headers[lower(name)] = value
    end
    return {
        host = said.host and lower(said.host),
        path = path,
        method = said.method,
        referer = said.referer,
        written = headers,
        header = written,
    }
end


return _M
