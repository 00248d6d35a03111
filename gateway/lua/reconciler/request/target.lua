--- Where a request is sent on to: paths and locations put together.

local find, gsub, sub = string.find, string.gsub, string.sub
local ngx = ngx

local _M = {}


--- `location` with the query of the request.
function _M.with_query(location)
    local args = ngx.var.args
    if not args then
        return location
    end
    return location .. (find(location, "?", 1, true) and "&" or "?") .. args
end


--- What follows the prefix. `base` and it never meet in two slashes: at the front of a path a
-- browser would read these as a host.
function _M.joined(base, path, prefix)
    local rest = sub(path, #prefix + 1)
    if sub(base, -1) == "/" then
        rest = gsub(rest, "^/+", "")
    end
    return base .. rest
end


--- Bytes of a file, 0 when there is none.
function _M.size_of(name)
    local file = name and io.open(name, "rb")
    if not file then
        return 0
    end
    local size = file:seek("end")
    file:close()
    return size
end


return _M
