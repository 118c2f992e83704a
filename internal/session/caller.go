package session

import (
	"net/http"

	"flint/internal/bot"
	"flint/internal/config"
)

// Caller is what these operations look at beside the body.
type Caller struct {
	Mobile        string `header:"X-Mobile-App" doc:"\"true\" in the mobile app: tokens come in the body and no cookie is set"`
	UserAgent     string `header:"User-Agent" hidden:"true"`
	Cookie        string `header:"Cookie" hidden:"true"`
	Authorization string `header:"Authorization" hidden:"true"`
	DeviceToken   string `header:"X-Flint-Device" maxLength:"100" doc:"In the mobile app, so that the device is known: mobileDeviceToken of this person's last sign-in on it, or new"`
	Languages     string `header:"Accept-Language" hidden:"true"`
	Platform      string `header:"Sec-Ch-Ua-Platform" hidden:"true"`
	Phone         string `header:"Sec-Ch-Ua-Mobile" hidden:"true"`
}

// said is what c says about itself with every request.
func (c Caller) said() http.Header {
	return http.Header{
		"User-Agent": {c.UserAgent}, "Accept-Language": {c.Languages}, "Sec-Ch-Ua-Platform": {c.Platform}, "Sec-Ch-Ua-Mobile": {c.Phone},
	}
}

func (c Caller) delivery() Delivery {
	if c.Mobile == "true" {
		return Mobile
	}
	return Web
}

// client describes who calls, with what they show of themselves.
func (s *Service) client(c Caller) Client {
	client := ClientOf(c.delivery(), c.UserAgent)
	client.hints = bot.Hints(s.keys, c.said())
	if c.Authorization == "" {
		client.cookie = c.Cookie
	}
	if client.Delivery == Mobile {
		client.token = c.DeviceToken
	}
	return client
}

// refreshCookie returns the refresh token that a browser sent. A request that
// carries its own proof, or comes from the mobile app, has none.
func (s *Service) refreshCookie(c Caller) (config.Secret, error) {
	if c.Cookie == "" || c.Authorization != "" || c.delivery() == Mobile {
		return config.Secret{}, nil
	}
	return s.cookies().find([]string{c.Cookie}, s.cookies().refresh)
}
