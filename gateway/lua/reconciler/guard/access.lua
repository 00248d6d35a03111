--- Who may use a rule: by address, and by what they show.

local auth = require("reconciler.guard.auth")
local pages = require("reconciler.request.pages")
local ranges = require("reconciler.guard.ranges")

local ngx = ngx

local _M = {}


--- `serve` for those who may, made once for an entry.
function _M.guard(access, serve)
    local admits = ranges.compile(access.allow or {}, access.deny or {})
    local refuse = auth.compile(access)
    return function(entry, path)
        if admits and not admits(ngx.var.binary_remote_addr) then
            return pages.say(403, "this address is not for everybody")
        end
        if refuse then
            local why = refuse()
            if why then
                return why()
            end
        end
        return serve(entry, path)
    end
end


return _M
