--- Hashes that stand in for secrets, and comparing with them in the same time whatever differs.

local ffi = require("ffi")

local C = ffi.C
local byte, format = string.byte, string.format
local concat = table.concat
local pcall = pcall

ffi.cdef([[
typedef struct evp_md_st EVP_MD;
const EVP_MD *EVP_sha256(void);
int EVP_Digest(const void *data, size_t count, unsigned char *md, unsigned int *size,
               const EVP_MD *type, void *engine);
int PKCS5_PBKDF2_HMAC(const char *pass, int passlen, const unsigned char *salt, int saltlen,
                      int iter, const EVP_MD *digest, int keylen, unsigned char *out);
int CRYPTO_memcmp(const void *a, const void *b, size_t len);
char *crypt(const char *key, const char *salt);
]])

local SIZE = 32

local out, out_size = ffi.new("unsigned char[?]", SIZE), ffi.new("unsigned int[1]")
-- Most builds of nginx bring it along.
local has_crypt, libcrypt = pcall(function()
    return C.crypt and C
end)
if not has_crypt then
    has_crypt, libcrypt = pcall(ffi.load, "crypt")
end

local _M = { has_crypt = has_crypt }


local function hex()
    local digits = {}
    for i = 0, SIZE - 1 do
        digits[i + 1] = format("%02x", out[i])
    end
    return concat(digits)
end


--- SHA-256 as hex digits, or nil.
function _M.sha256(text)
    if C.EVP_Digest(text, #text, out, out_size, C.EVP_sha256(), nil) ~= 1 then
        return nil
    end
    return hex()
end


--- A password, stretched: PBKDF2 with SHA-256, as hex digits, or nil.
function _M.stretch(password, salt, rounds)
    local sha = C.EVP_sha256()
    if C.PKCS5_PBKDF2_HMAC(password, #password, salt, #salt, rounds, sha, SIZE, out) ~= 1 then
        return nil
    end
    return hex()
end


--- What crypt(3) makes of a password with the salt of a hash, or nil.
function _M.crypt(password, hash)
    if not has_crypt or byte(hash, 1) ~= 36 then -- `$`: never the old ones of 56 bits
        return nil
    end
    local made = libcrypt.crypt(password, hash)
    return made ~= nil and ffi.string(made) or nil
end


--- Whether both are the same, which takes as long when they are not.
function _M.equal(a, b)
    return a ~= nil and #a == #b and C.CRYPTO_memcmp(a, b, #a) == 0
end


return _M
