--- What the operator's API is refused with here: as the operator itself would say it (RFC 9457).

local json = require("reconciler.json")
local paths = require("reconciler.match.path")
local reserved = require("reconciler.request.reserved")

local match, sub = string.match, string.sub

local TITLES = {
    [400] = "Bad Request", [411] = "Length Required", [413] = "Request Entity Too Large",
    [503] = "Service Unavailable",
}
local PROCESSES, SYNC = "/api/pm/", "/sync/api/"
local RULES = { ["/admin/routes.json"] = true, ["/admin/password"] = true }

local _M = {}


--- The body of a refusal of what was asked for, or nil where that is no page of the API.
function _M.of(request_uri, status, sentence)
    local raw = match(request_uri or "", "^[^?]*")
    -- One that is refused for its spelling belongs to whom it begins like.
    local class, own = reserved.class(paths.normalise(raw) or raw)
    if class ~= "api" then
        return nil
    end
    local said = { type = "about:blank", title = TITLES[status], status = status }
    said.detail = sentence
    -- Clients of the original look for members of their own.
    if sub(own, 1, #PROCESSES) == PROCESSES then
        said.code, said.message, said.data = status, sentence, {}
    elseif sub(own, 1, #SYNC) == SYNC then
        said.ok, said.error = false, sentence
    elseif RULES[own] then
        said.error = sentence
    end
    return json.encode(said)
end


return _M
