--- Looks for a checked regex in the value of a header.

local longest_subject = require("reconciler.regex.parts").longest_subject

local re = require("ngx.re")

local ngx = ngx
local re_find = ngx.re.find

-- Compiled once (o, j); `.` is any byte (s), and $ the very end (D), as in Python's twin.
local OPTIONS = "josD"

-- Repeated groups take some for each round; without it they would fail, not be slow.
re.opt("jit_stack_size", 1024 * 1024)

local _M = {}


--- Whether `value` has what `regex` describes, at any place. A value that is too long has not.
function _M.found(value, regex)
    if #value > longest_subject then
        return false
    end
    local from, _, err = re_find(value, regex, OPTIONS)
    if err then
        ngx.log(ngx.ERR, "the regex ", regex, " cannot be used: ", err)
    end
    return from ~= nil
end


return _M
