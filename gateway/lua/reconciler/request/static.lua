--- Files of a folder. nginx serves them; here is decided which one a path means.

local pages = require("reconciler.request.pages")
local store = require("reconciler.table.store")
local target = require("reconciler.request.target")

local char, find, gsub, match, sub = string.char, string.find, string.gsub, string.match, string.sub
local ngx = ngx
local tonumber = tonumber

local KNOWN = "/.well-known/" -- the one name with a dot that is meant to be seen

local _M = {}


--- The path of a file below the root: what follows the prefix, decoded.
local function file_of(path, prefix)
    local rest = sub(path, #prefix + 1)
    if sub(rest, 1, 1) ~= "/" then
        rest = "/" .. rest
    end
    return (gsub(rest, "%%(%x%x)", function(hex)
        return char(tonumber(hex, 16))
    end))
end


local function is_hidden(file)
    local from = sub(file, 1, #KNOWN) == KNOWN and #KNOWN or 1
    return find(file, "/.", from, true) ~= nil
end


local function refuse_method()
    ngx.header.allow = "GET, HEAD"
    return pages.say(405, "this can only be read")
end


local function serve(entry, path)
    local method = ngx.req.get_method()
    if method ~= "GET" and method ~= "HEAD" then
        return refuse_method()
    end
    local file = file_of(path, entry.prefix or "")
    if is_hidden(file) then
        return pages.nothing_here()
    end
    local wish = entry.rule.static
    ngx.var.static_root = wish.root
    ngx.var.pooled = entry.name
    if sub(file, -1) == "/" then
        file = file .. wish.index
    end
    ngx.req.set_uri(file)
    return ngx.exec("@static")
end


local function exists(name)
    local file = io.open(name, "rb")
    if not file then
        return false
    end
    file:close()
    return true
end


--- Whether who asks for a missing file wants a page: a missing picture is missing, whoever would
-- have made a page of its name.
local function wants_page(file, index)
    local name = match(file, "[^/]*$")
    return name == index or not find(name, ".", 1, true)
        or find(ngx.var.http_accept or "", "text/html", 1, true)
end


--- For content_by_lua, when the file is not there: a folder has its slash added, and a page of an
-- application is its index.
function _M.missing()
    local var = ngx.var
    local entry = store.current().index.entries[var.pooled]
    local wish = entry and entry.rule.static
    if not wish then
        return pages.nothing_here()
    end
    local file = var.uri
    if sub(file, -1) ~= "/" and exists(wish.root .. file .. "/" .. wish.index) then
        local asked = match(var.request_uri, "^[^?]*")
        ngx.header.location = target.with_query((gsub(asked, "^/+", "/")) .. "/")
        return pages.say(302, "this is a folder")
    end
    if wish.spa and wants_page(file, wish.index) then
        ngx.req.set_uri("/" .. wish.index)
        return ngx.exec("@static_page")
    end
    return pages.nothing_here()
end


--- What serves the requests of an entry.
function _M.prepare()
    return serve
end


return _M
